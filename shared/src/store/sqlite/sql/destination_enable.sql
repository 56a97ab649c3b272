-- Notes that sending to a destination may start again.
-- ?1 destination; by the primary key
update destination
set disabled_at = null, disabled_why = null
where id = ?1
