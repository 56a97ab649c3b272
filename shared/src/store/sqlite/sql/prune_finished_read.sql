-- The completed jobs of a run.
-- ?1 first and ?2 last seq; by the primary keys of finished and job
select finished.seq, job.id, job.queue, finished.flags
from finished
cross join job on job.seq = finished.seq
where finished.seq between ?1 and ?2
