-- Makes a job available: a new one, or one that comes back.
-- ?1 queue, ?2 priority, ?3 place, ?4 seq, ?5 attempts counted so far, ?6 crashes, ?7 flags,
-- ?8 since when in microseconds (null: since it was accepted), ?9 and ?10 worker and claim of the
-- settle that put it here
insert into ready (
  queue, priority, place, seq, attempt, crashes, flags, available_at, settled_worker,
  settled_claim
)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
