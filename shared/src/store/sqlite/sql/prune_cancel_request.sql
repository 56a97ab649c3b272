-- Forgets that somebody asked to stop a job.
-- ?1 seq; by the primary key
delete from cancel_request
where seq = ?1
