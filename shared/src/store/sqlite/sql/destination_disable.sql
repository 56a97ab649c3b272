-- Notes that nothing is to be sent to a destination; the first reason stays.
-- ?1 destination, ?2 now in microseconds, ?3 why; by the primary key
update destination
set disabled_at = ?2, disabled_why = ?3
where id = ?1 and disabled_at is null
