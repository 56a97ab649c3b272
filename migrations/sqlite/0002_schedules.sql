-- Schedules, their ticks, and who leads.

-- Definitions, as the scheduler writes them.
create table schedule (
  id integer primary key,
  name text not null unique,
  -- Text that only the scheduler reads.
  definition text not null,
  -- Ticks up to here were judged.
  cursor_at integer not null,
  -- Since when it is paused; null: it is not.
  paused_at integer,
  -- When the definition last changed.
  updated_at integer not null
) strict;

-- What became of each tick. The key makes a tick happen once, however many schedulers try.
create table tick (
  schedule integer not null,
  at integer not null,
  -- 1 fired, 2 held, 3 skipped.
  status integer not null,
  -- Fired: the id of its job, or of the holder of the unique key that stood against it.
  job blob,
  -- Skipped: why.
  reason text,
  recorded_at integer not null,
  primary key (schedule, at)
) strict, without rowid;

-- What the next tick is judged by, found without a look at the ticks between.
create index tick_fired on tick (schedule, at) where status = 1;
create index tick_held on tick (schedule, at) where status = 2;

-- Who leads what, or led it last: the row stays, so that terms only grow.
create table leader (
  role text primary key,
  -- Null: whoever led has resigned.
  candidate text,
  -- Counts changes of leader up.
  term integer not null,
  expires_at integer not null
) strict, without rowid;
