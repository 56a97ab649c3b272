-- How many jobs a promotion takes, by queue and state.
-- ?1 now in microseconds, ?2 how many at most; by the index on run_at
select queue, state, count(*)
from (
  select queue, state
  from scheduled
  where run_at <= ?1
  order by run_at, seq
  limit ?2
)
group by queue, state
