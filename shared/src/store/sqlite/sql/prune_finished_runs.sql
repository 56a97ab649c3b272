-- Runs of completed jobs whose retention has passed, oldest first.
-- ?1 they ended until this in microseconds, ?2 how many runs at most; by the primary key
select ended_at, seq, count
from finished_run
where ended_at <= ?1
order by ended_at, seq
limit ?2
