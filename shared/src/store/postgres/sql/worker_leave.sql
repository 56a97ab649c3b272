-- Hands back whatever a worker holds and ends its registration.
-- $1 now, $2 worker
select windlass.leave($1, $2)
