-- A running job, as a settle needs it.
-- ?1 seq; by the primary keys of lease and job
select
  lease.seq,
  lease.worker,
  lease.claim,
  lease.queue,
  lease.attempt,
  lease.crashes,
  lease.flags,
  lease.available_at,
  lease.claimed_at,
  lease.settled_worker,
  lease.settled_claim,
  job.id,
  job.priority,
  lease.place
from lease
cross join job on job.seq = lease.seq
where lease.seq = ?1
