-- A worker whose lease holds.
select id from windlass.worker where id = $2 and expires_at > coalesce($1, clock_timestamp())
