-- Stops jobs.
select windlass.cancel($1, $2, $3)
