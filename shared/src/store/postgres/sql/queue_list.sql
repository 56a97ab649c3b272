-- Every queue by name: how many jobs are in each state, and since when the oldest is available.
with held as (
  select c.queue_id,
    array(
      select coalesce(sum(u.n) filter (where u.state = s), 0)::bigint
      from unnest(array_agg(c.state), array_agg(c.n)) u(state, n)
      cross join generate_series(0, 7) s group by s order by s
    ) as counts
  from (
    select queue_id, state, n from windlass.counter
    union all
    select queue_id, state, n from windlass.unfolded()
  ) c
  group by c.queue_id
)
select q.name, q.paused_at,
  coalesce(h.counts, array_fill(0::bigint, array[8])),
  case when h.counts[3] > 0 then windlass.oldest_available(q.id) end
from windlass.queue q left join held h on h.queue_id = q.id
order by q.name
