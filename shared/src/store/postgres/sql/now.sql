-- The server's clock.
-- $1 what is taken for it, null: nothing
select coalesce($1::timestamptz, clock_timestamp())
