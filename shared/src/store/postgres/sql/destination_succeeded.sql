-- Notes that a destination took something.
-- $1 now, $2 name; by the unique index on name
insert into windlass.destination (name, waiting, succeeded_at)
values ($2, 0, coalesce($1::timestamptz, clock_timestamp()))
on conflict (name) do update set
  succeeded_at = excluded.succeeded_at
