-- Stops jobs.
-- $1 now, $2 their ids, $3 why
select windlass.cancel($1, $2, $3)
