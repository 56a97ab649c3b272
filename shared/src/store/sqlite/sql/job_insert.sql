-- Keeps the body of a job. Changes nothing when the id is known.
-- ?1 id, ?2 queue, ?3 kind, ?4 priority, ?5 max attempts, ?6 now in microseconds, ?7 args,
-- ?8 seq, ?9 timeout, ?10 backoff's base, ?12 backoff's cap, all in nanoseconds, ?11 backoff's
-- factor, ?13 unique policy, ?14 unique key, ?15 window in nanoseconds, ?16 tags with spaces
-- between, ?17 traceparent, ?18 tracestate, ?19 id of the dead letter it replays, ?20 content type
-- by the unique index on id
insert into job (
  seq, id, queue, kind, priority, max_attempts, accepted_at, args,
  timeout_ns, backoff_base_ns, backoff_factor, backoff_cap_ns,
  unique_policy, unique_key, unique_window_ns,
  tags, traceparent, tracestate, replay_of, content_type
)
values (
  ?8, ?1, ?2, ?3, ?4, ?5, ?6, ?7,
  ?9, ?10, ?11, ?12,
  ?13, ?14, ?15,
  ?16, ?17, ?18, ?19, ?20
)
on conflict (id) do nothing
