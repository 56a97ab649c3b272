-- What a job carries, and what its summary leaves out.
-- ?1 seq; by the primary key
select
  args,
  content_type,
  timeout_ns,
  backoff_base_ns,
  backoff_factor,
  backoff_cap_ns,
  unique_policy,
  unique_key,
  unique_window_ns,
  traceparent,
  tracestate
from job
where seq = ?1
