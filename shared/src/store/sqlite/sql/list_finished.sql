-- Places of completed jobs, newest first.
-- ?1 below this seq, ?2 how many at most; by the primary key
select seq
from finished
where seq < ?1
order by seq desc
limit ?2
