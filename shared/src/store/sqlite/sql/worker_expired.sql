-- Workers whose lease has expired, oldest first. Looks through worker: they are few.
-- ?1 now in microseconds
select id
from worker
where expires_at <= ?1
order by id
