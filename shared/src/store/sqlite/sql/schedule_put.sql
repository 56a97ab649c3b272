-- Keeps the definition of a schedule.
-- ?1 name, ?2 definition, ?3 now in microseconds, ?4 whether the cursor of a known schedule starts
-- again from now; by the unique index on name
insert into schedule (name, definition, cursor_at, updated_at)
values (?1, ?2, ?3, ?3)
on conflict (name) do update set
  definition = excluded.definition,
  cursor_at = iif(?4, excluded.cursor_at, cursor_at),
  updated_at = iif(definition = excluded.definition, updated_at, excluded.updated_at)
