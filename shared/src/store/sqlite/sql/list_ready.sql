-- Places of the available jobs of one queue and priority that were never put off, newest first.
-- ?1 below this seq, ?2 how many at most, ?3 queue, ?4 priority; by the primary key
select seq
from ready
where queue = ?3 and priority = ?4 and place < ?1 and place = seq
order by place desc
limit ?2
