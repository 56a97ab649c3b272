-- The newest tick of a schedule that fired, and its job.
-- ?1 schedule; by the index of fired ticks from its end
select at, job
from tick
where schedule = ?1 and status = 1
order by at desc
limit 1
