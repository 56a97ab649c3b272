-- A worker whose lease holds.
-- $1 now, $2 worker; by the primary key
select id from windlass.worker where id = $2 and expires_at > coalesce($1, clock_timestamp())
