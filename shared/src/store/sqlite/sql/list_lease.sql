-- Places of running jobs, newest first.
-- ?1 below this seq, ?2 how many at most; by the primary key
select seq
from lease
where seq < ?1
order by seq desc
limit ?2
