-- Notes that sending to a destination may start again.
-- $1 name; by the unique index on name
insert into windlass.destination as kept (name, waiting)
values ($1, 0)
on conflict (name) do update set
  disabled_at = null,
  disabled_why = null
where kept.disabled_at is not null
