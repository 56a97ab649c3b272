-- Every queue by name: how many jobs are in each state, and since when the oldest is available.
with held as materialized (
  select c.queue_id, c.state, sum(c.n)::bigint as n
  from (
    select queue_id, state, n from windlass.counter
    union all
    select queue_id, state, n from windlass.unfolded()
  ) c
  group by c.queue_id, c.state
)
select q.name, q.paused_at,
  array(
    select coalesce((select h.n from held h where h.queue_id = q.id and h.state = s), 0)
    from generate_series(0, 7) s order by s
  ),
  windlass.oldest_available(q.id)
from windlass.queue q
order by q.name
