-- Keeps the definition of a schedule; answers the schedule.
-- $1 now, $2 name, $3 definition, $4 whether the cursor of a known schedule starts again from now
select name, definition, cursor_at, paused_at, updated_at, fired_at, fired_job, held
from windlass.put_schedule($1, $2, $3, $4)
