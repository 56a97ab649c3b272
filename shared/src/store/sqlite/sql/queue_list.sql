-- Every queue, by name.
select id, name, paused_at
from queue
order by name
