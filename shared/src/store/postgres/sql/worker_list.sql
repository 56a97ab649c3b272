-- Workers whose registration has not ended, oldest first.
select w.id, w.info::text, w.started_at, w.beat_at, w.expires_at,
  (select coalesce(sum(bit_count(l.open)), 0)::bigint from windlass.lease l where l.worker_id = w.id)
from windlass.worker w
order by w.id
