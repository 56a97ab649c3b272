-- Schedules that have more ticks than are kept. Those beyond may all be such as the next tick is
-- judged by; they are few.
-- ?1 how many are kept; by the primary key of tick
select schedule.id
from schedule
where exists (
  select 1
  from tick
  where tick.schedule = schedule.id
  order by tick.at desc
  limit 1 offset ?1
)
