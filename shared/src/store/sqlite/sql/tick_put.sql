-- Records what became of a tick, for the first time or after it was held.
-- ?1 schedule, ?2 tick in microseconds, ?3 status, ?4 id of the job, ?5 reason, ?6 now in
-- microseconds; by the primary key
insert into tick (schedule, at, status, job, reason, recorded_at)
values (?1, ?2, ?3, ?4, ?5, ?6)
on conflict (schedule, at) do update set
  status = excluded.status,
  job = excluded.job,
  reason = excluded.reason,
  recorded_at = excluded.recorded_at
