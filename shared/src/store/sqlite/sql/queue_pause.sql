-- Pauses a queue, or resumes it; pausing again keeps the first time.
-- ?1 queue, ?2 since when in microseconds, or null; by the primary key
update queue
set paused_at = iif(?2 is null, null, coalesce(paused_at, ?2))
where id = ?1
