-- Buffers: what waits to be delivered to a destination, and what became of it.

-- Destinations, known once something was added for them or noted about them.
create table destination (
  id integer primary key,
  name text not null unique,
  -- How many entries wait: kept up with them, so that a full buffer is seen without counting.
  waiting integer not null,
  -- Since when nothing is sent to it, and why; both or neither.
  disabled_at integer,
  disabled_why text,
  -- When it last took something.
  succeeded_at integer,
  -- When it last failed, and how; both or neither.
  failed_at integer,
  failed_why text
) strict;

-- Entries that wait.
create table buffer_entry (
  -- The order in which entries were added. Autoincrement: receipts keep the number on.
  no integer primary key autoincrement,
  -- The caller's id (16 bytes).
  id blob not null,
  destination integer not null,
  -- The id of the job it comes from.
  origin blob,
  added_at integer not null,
  -- What is to be delivered.
  body blob not null,
  -- So that a repeated append is recognised.
  unique (destination, id)
) strict;

-- The oldest entries of one destination.
create index buffer_entry_by_destination on buffer_entry (destination, no);

-- What still waits of one job's entries.
create index buffer_entry_by_origin on buffer_entry (origin) where origin is not null;

-- What became of entries that wait no more.
create table receipt (
  -- The number the entry had.
  no integer primary key,
  id blob not null,
  destination integer not null,
  origin blob,
  -- 1 delivered, 2 refused.
  fate integer not null,
  -- Refused: why.
  reason text,
  -- When that was decided.
  at integer not null,
  -- Whether it hung on no job when that was decided: then no job takes it along when it goes.
  loose integer not null,
  -- So that an append that is repeated after the delivery is recognised.
  unique (destination, id)
) strict;

-- What became of one job's entries.
create index receipt_by_origin on receipt (origin) where origin is not null;

-- Pruning reads the oldest of those that go by themselves from its start.
create index receipt_loose on receipt (at) where loose = 1;
