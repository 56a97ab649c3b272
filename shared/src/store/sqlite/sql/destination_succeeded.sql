-- Notes that a destination took something.
-- ?1 destination, ?2 now in microseconds; by the primary key
update destination
set succeeded_at = ?2
where id = ?1
