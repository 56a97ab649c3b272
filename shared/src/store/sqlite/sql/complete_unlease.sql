-- Ends the leases of a run.
-- ?1 first and ?2 last seq; by the primary key
delete from lease
where seq between ?1 and ?2
