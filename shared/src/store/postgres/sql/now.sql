-- The server's clock.
select coalesce($1::timestamptz, clock_timestamp())
