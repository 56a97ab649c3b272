-- Resumes a schedule that is paused: its cursor is now.
-- ?1 schedule, ?2 now in microseconds; by the primary key
update schedule
set paused_at = null, cursor_at = ?2
where id = ?1 and paused_at is not null
