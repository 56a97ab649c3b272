-- The name of a queue.
-- ?1 number; by the primary key
select name
from queue
where id = ?1
