-- Notes that a destination failed.
-- ?1 destination, ?2 now in microseconds, ?3 how; by the primary key
update destination
set failed_at = ?2, failed_why = ?3
where id = ?1
