-- A schedule.
-- ?1 name; by the unique index on name
select id, name, definition, cursor_at, paused_at, updated_at
from schedule
where name = ?1
