-- A tick.
-- ?1 schedule, ?2 tick in microseconds; by the primary key
select at, status, job, reason, recorded_at
from tick
where schedule = ?1 and at = ?2
