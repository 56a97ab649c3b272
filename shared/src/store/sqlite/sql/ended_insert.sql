-- Keeps that a job was cancelled or discarded.
-- ?1 seq, ?2 state, ?3 and ?4 worker and claim of the last settle, ?5 attempts counted, ?6 crashes,
-- ?7 flags, ?8 when it was claimed (null: it waited) and ?9 now in microseconds
insert into ended (
  seq, state, settled_worker, settled_claim, attempt, crashes, flags, claimed_at, ended_at
)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
