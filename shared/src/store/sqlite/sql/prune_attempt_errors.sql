-- Forgets the errors of a job.
-- ?1 seq; by the primary key
delete from attempt_error
where seq = ?1
