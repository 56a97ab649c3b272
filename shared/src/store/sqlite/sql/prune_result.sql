-- Forgets what a job's handler returned.
-- ?1 seq; by the primary key
delete from result
where seq = ?1
