-- Forgets what a job's handler reported.
-- ?1 seq; by the primary key
delete from progress
where seq = ?1
