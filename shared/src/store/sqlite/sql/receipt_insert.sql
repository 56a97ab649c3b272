-- Keeps what became of an entry.
-- ?1 its number, ?2 id, ?3 destination, ?4 id of the job it came from, ?5 fate, ?6 reason, ?7 now in
-- microseconds; for whether that job is known, by the unique index on the ids of jobs
insert into receipt (no, id, destination, origin, fate, reason, at, loose)
values (
  ?1, ?2, ?3, ?4, ?5, ?6, ?7,
  not exists (select 1 from job where job.id = ?4)
)
