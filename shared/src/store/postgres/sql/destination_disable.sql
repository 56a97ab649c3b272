-- Notes that nothing is to be sent to a destination; the first reason stays.
-- $1 name, $2 now, $3 why; by the unique index on name
insert into windlass.destination as kept (name, waiting, disabled_at, disabled_why)
values ($1, 0, coalesce($2::timestamptz, clock_timestamp()), $3)
on conflict (name) do update set
  disabled_at = excluded.disabled_at,
  disabled_why = excluded.disabled_why
where kept.disabled_at is null
