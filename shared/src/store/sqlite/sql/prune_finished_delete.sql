-- Forgets that the jobs of a run completed.
-- ?1 first and ?2 last seq; by the primary key
delete from finished
where seq between ?1 and ?2
