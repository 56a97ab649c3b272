-- The jobs that a claim takes from a queue, in the order of work, with their bodies.
-- ?1 queue, ?2 how many at most; by the primary key of ready, then by the primary key of job
select
  ready.priority,
  ready.seq,
  ready.attempt + 1,
  ready.crashes,
  ready.flags,
  ready.available_at,
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
  ready.place
from ready
cross join job on job.seq = ready.seq
where ready.queue = ?1
order by ready.priority, ready.place
limit ?2
