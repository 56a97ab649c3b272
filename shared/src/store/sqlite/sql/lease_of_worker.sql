-- What a worker holds, by claim and then oldest first: the columns of lease_get.
-- ?1 worker, ?2 how many at most; looks through lease, because it happens when a worker leaves or
-- was lost
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
where lease.worker = ?1
order by lease.claim, lease.seq
limit ?2
