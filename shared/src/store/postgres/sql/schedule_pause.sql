-- Pauses a schedule; pausing again keeps the first time. Answers a row if it is known.
-- $1 now, $2 name; by the unique index on name
update windlass.schedule
set paused_at = coalesce(paused_at, $1::timestamptz, clock_timestamp())
where name = $2
returning id
