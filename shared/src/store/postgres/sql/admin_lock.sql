-- Waits for a lock that the connection holds until it ends.
-- $1 its number
select pg_advisory_lock($1)
