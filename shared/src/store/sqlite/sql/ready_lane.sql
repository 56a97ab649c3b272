-- The next queue and priority in which jobs are available, and since when the first of them is.
-- Places are given out in the order in which jobs become available, so it is the oldest.
-- ?1 queue and ?2 priority of the one before; by the primary keys of ready and job
select ready.queue, ready.priority, coalesce(ready.available_at, job.accepted_at)
from ready
cross join job on job.seq = ready.seq
where (ready.queue, ready.priority) > (?1, ?2)
order by ready.queue, ready.priority, ready.place
limit 1
