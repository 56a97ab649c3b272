-- Counts entries that wait for a destination, or that wait no more.
-- ?1 destination, ?2 how many more; by the primary key
update destination
set waiting = waiting + ?2
where id = ?1
