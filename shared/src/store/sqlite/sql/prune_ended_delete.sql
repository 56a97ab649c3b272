-- Forgets that a job was cancelled or discarded.
-- ?1 seq; by the primary key
delete from ended
where seq = ?1
