-- The number of a queue that is not paused.
-- ?1 name; by the unique index on name
select id
from queue
where name = ?1 and paused_at is null
