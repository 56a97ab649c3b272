-- Cancelled or discarded jobs whose retention has passed, oldest first.
-- ?1 state, ?2 they ended until this in microseconds, ?3 how many at most
-- by the index on state and ended_at, then by the primary key of job
select ended.seq, job.id, job.queue, ended.flags
from ended
cross join job on job.seq = ended.seq
where ended.state = ?1 and ended.ended_at <= ?2
order by ended.ended_at, ended.seq
limit ?3
