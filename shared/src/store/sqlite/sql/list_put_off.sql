-- Places of available jobs that were put off, newest first.
-- ?1 below this seq, ?2 how many at most; by the index ready_put_off
select seq
from ready
where seq < ?1 and place <> seq
order by seq desc
limit ?2
