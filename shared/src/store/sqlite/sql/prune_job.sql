-- Forgets the bodies of jobs.
-- ?1 first and ?2 last seq; by the primary key
delete from job
where seq between ?1 and ?2
