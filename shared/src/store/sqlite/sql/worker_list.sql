-- The registered workers, oldest first, and how many jobs each holds. Looks through worker and
-- lease: both are as large as what runs.
select
  worker.id,
  worker.info,
  worker.started_at,
  worker.beat_at,
  worker.expires_at,
  coalesce(held.n, 0)
from worker
left join (
  select worker, count(*) as n
  from lease
  group by worker
) as held on held.worker = worker.id
order by worker.id
