-- Takes one job out of those that wait for their time.
-- ?1 seq; by the primary key
delete from scheduled
where seq = ?1
