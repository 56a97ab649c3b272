-- Moves the cursor of a schedule to a tick, if it was before it.
-- ?1 schedule, ?2 tick in microseconds; by the primary key
update schedule
set cursor_at = max(cursor_at, ?2)
where id = ?1
