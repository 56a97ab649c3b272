-- Ends a lease.
-- ?1 seq; by the primary key
delete from lease
where seq = ?1
