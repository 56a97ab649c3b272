-- Makes jobs available that were just accepted one after the other and have nothing to say of
-- themselves: one statement for all of them.
-- ?1 seq of the first, ?2 seq of the last; by the primary key of job
insert into ready (queue, priority, place, seq, attempt, crashes, flags)
select queue, priority, seq, seq, 0, 0, 0
from job
where seq between ?1 and ?2
