-- Puts a job off.
-- ?1 seq, ?2 when it is due in microseconds, ?3 state, ?4 queue, ?5 priority, ?6 attempts counted
-- so far, ?7 crashes, ?8 flags, ?9 and ?10 worker and claim of the settle that put it here
insert into scheduled (
  seq, run_at, state, queue, priority, attempt, crashes, flags, settled_worker, settled_claim
)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
