-- Makes jobs available whose time has come, the longest due first, each at a place of its own.
-- ?1 now in microseconds, ?2 how many at most, ?3 the last number given out
-- by the index on run_at
insert into ready (
  queue, priority, place, seq, attempt, crashes, flags, available_at, settled_worker,
  settled_claim
)
select
  queue, priority, ?3 + row_number() over (order by run_at, seq), seq, attempt, crashes, flags,
  ?1, settled_worker, settled_claim
from (
  select
    run_at, seq, queue, priority, attempt, crashes, flags, settled_worker, settled_claim
  from scheduled
  where run_at <= ?1
  order by run_at, seq
  limit ?2
)
