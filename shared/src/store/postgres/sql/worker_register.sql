-- Registers a worker, whose queues are known from now on; a queue that an open transaction makes known
-- is so when that commits.
-- $1 now, $2 what it says about itself, $3 its queues, $4 the lease in microseconds
insert into windlass.worker (info, started_at, beat_at, expires_at)
select $2::json, t.now, t.now, t.now + $4::bigint * interval '1 microsecond'
from (
  select coalesce($1, clock_timestamp()) as now,
    (select count(windlass.known_queue(name, false)) from unnest($3::text[]) name) as queues
) t
where t.queues >= 0
returning id
