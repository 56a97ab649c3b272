-- Forgets the errors of a job that are too many.
-- ?1 seq, ?2 the last number to forget; by the primary key
delete from attempt_error
where seq = ?1 and no <= ?2
