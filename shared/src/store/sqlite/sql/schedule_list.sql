-- Every schedule, by name.
select id, name, definition, cursor_at, paused_at, updated_at
from schedule
order by name
