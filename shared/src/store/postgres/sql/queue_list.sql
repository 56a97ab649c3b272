-- Every queue by name: how many jobs are in each state, and since when the oldest is available.
with held as (
  select c.queue_id,
    array[
      sum(c.n) filter (where c.state = 0), sum(c.n) filter (where c.state = 1),
      sum(c.n) filter (where c.state = 2), sum(c.n) filter (where c.state = 3),
      sum(c.n) filter (where c.state = 4), sum(c.n) filter (where c.state = 5),
      sum(c.n) filter (where c.state = 6), sum(c.n) filter (where c.state = 7)
    ]::bigint[] as counts
  from (
    select queue_id, state, n from windlass.counter
    union all
    select queue_id, state, n from windlass.unfolded()
  ) c
  group by c.queue_id
)
select q.name, q.paused_at,
  array(select coalesce(n, 0) from unnest(h.counts) with ordinality s(n, at) order by s.at),
  case when h.counts[3] > 0 then windlass.oldest_available(q.id) end
from windlass.queue q left join held h on h.queue_id = q.id
order by q.name
