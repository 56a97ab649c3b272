-- Resumes a schedule; if it is paused, its cursor is now. Answers a row if it is known.
-- $1 now, $2 name; by the unique index on name
update windlass.schedule
set
  cursor_at = case
    when paused_at is null then cursor_at
    else coalesce($1::timestamptz, clock_timestamp())
  end,
  paused_at = null
where name = $2
returning id
