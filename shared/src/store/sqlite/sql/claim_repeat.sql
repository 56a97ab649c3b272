-- What a worker still holds of a claim: the columns of claim_read but for
-- the place, then queue and claimed_at.
-- ?1 worker, ?2 claim; looks through lease, because it happens once in a lost answer
select
  job.priority,
  lease.seq,
  lease.attempt,
  lease.crashes,
  lease.flags,
  lease.available_at,
  job.id,
  job.kind,
  job.max_attempts,
  job.accepted_at,
  job.timeout_ns,
  job.backoff_base_ns,
  job.backoff_factor,
  job.backoff_cap_ns,
  job.traceparent,
  job.tracestate,
  job.content_type,
  job.args,
  lease.queue,
  lease.claimed_at
from lease
cross join job on job.seq = lease.seq
where lease.worker = ?1 and lease.claim = ?2
order by lease.seq
