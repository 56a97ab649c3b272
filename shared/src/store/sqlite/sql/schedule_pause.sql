-- Pauses a schedule; pausing again keeps the first time.
-- ?1 schedule, ?2 now in microseconds; by the primary key
update schedule
set paused_at = coalesce(paused_at, ?2)
where id = ?1
