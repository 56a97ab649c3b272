-- Places of cancelled or of discarded jobs, newest first.
-- ?1 below this seq, ?2 how many at most, ?3 state; by the index on state and seq
select seq
from ended
where state = ?3 and seq < ?1
order by seq desc
limit ?2
