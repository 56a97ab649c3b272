-- Notes that a destination failed.
-- $1 name, $2 now, $3 how; by the unique index on name
insert into windlass.destination (name, waiting, failed_at, failed_why)
values ($1, 0, coalesce($2::timestamptz, clock_timestamp()), $3)
on conflict (name) do update set
  failed_at = excluded.failed_at,
  failed_why = excluded.failed_why
