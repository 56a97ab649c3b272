-- The running jobs of a run of neighbours that one claim holds and that hold no unique key.
-- ?1 first and ?2 last seq, ?3 worker, ?4 claim, ?5 flags of a key to let go of
-- by the primary keys of lease and job
select lease.queue, job.id
from lease
cross join job on job.seq = lease.seq
where lease.seq between ?1 and ?2
  and lease.worker = ?3
  and lease.claim = ?4
  and lease.flags & ?5 = 0
order by lease.seq
