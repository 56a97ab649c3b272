-- The number of a queue.
-- ?1 name; by the unique index on name
select id
from queue
where name = ?1
