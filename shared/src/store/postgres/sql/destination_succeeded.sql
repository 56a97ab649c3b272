-- Notes that a destination took something.
-- $1 name, $2 now; by the unique index on name
insert into windlass.destination (name, waiting, succeeded_at)
values ($1, 0, coalesce($2::timestamptz, clock_timestamp()))
on conflict (name) do update set
  succeeded_at = excluded.succeeded_at
