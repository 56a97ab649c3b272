-- Every schedule, by name.
select name, definition, cursor_at, paused_at, updated_at, fired_at, fired_job, held
from windlass.schedule_record
order by name
