-- The ticks of a schedule, newest first.
-- $1 name of the schedule, $2 how many at most
-- by the unique index on name, then by the primary key of tick from its end
select at, status, job, reason, recorded_at
from windlass.tick
where schedule_id = (select id from windlass.schedule where name = $1)
order by at desc
limit $2
