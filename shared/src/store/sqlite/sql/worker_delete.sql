-- Ends a registration.
-- ?1 worker; by the primary key
delete from worker
where id = ?1
