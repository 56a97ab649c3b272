-- The schema as the migrations leave it; a test keeps this file equal to it.

CREATE TABLE migration (
  -- The number in the name of the file.
  number integer primary key,
  -- The rest of its name.
  name text not null,
  -- SHA-256 of the file in hexadecimal: a migration is never edited after its release.
  checksum text not null,
  -- Whether programs that do not know it must keep away.
  breaking integer not null,
  applied_at integer not null
) strict;

CREATE TABLE queue (
  -- Stands for the name in every row about a job: short, and never given to another queue.
  id integer primary key,
  -- What people call it.
  name text not null unique,
  -- Since when nothing of it is claimed; null: it is open.
  paused_at integer
) strict;

CREATE TABLE sequence (
  id integer primary key check (id = 1),
  last integer not null
) strict;

CREATE TABLE job (
  -- The number it took when it was accepted, which is the order of lists. Every other table knows
  -- the job by it, and it is the slot of its token.
  seq integer primary key,
  -- The caller's id (16 bytes, UUIDv7); unique, so that a repeated enqueue is recognised.
  id blob not null unique,
  -- Where it waits.
  queue integer not null,
  -- What it does. The name itself, so that the file is readable with any SQLite shell.
  kind text not null,
  -- How soon within the queue: 0 first, 9 last.
  priority integer not null,
  -- How often it may fail.
  max_attempts integer not null,
  -- When the store accepted it.
  accepted_at integer not null,
  -- How long one attempt may take; null: as the worker's configuration says.
  timeout_ns integer,
  -- The waits between its attempts; all three or none.
  backoff_base_ns integer,
  backoff_factor real,
  backoff_cap_ns integer,
  -- Until when it holds its unique key: 1 until started, 2 until finished, 3 for a window.
  unique_policy integer,
  -- The key; kept here too, so that letting go of it needs no search.
  unique_key text,
  -- How long a window is.
  unique_window_ns integer,
  -- Words to find it by, separated by spaces (no tag holds one); job_tag is their index.
  tags text,
  -- The trace it belongs to, as W3C headers.
  traceparent text,
  tracestate text,
  -- The id of the dead letter that this job is a new run of.
  replay_of blob,
  -- What the args are when they are not JSON.
  content_type text,
  -- What it carries. Last, so that everything before it is read without its overflow pages.
  args blob not null
) strict;

CREATE TABLE ready (
  queue integer not null,
  priority integer not null,
  -- Its seq, or the number it took when it was put off and became available again: whoever comes
  -- back stands behind those who wait.
  place integer not null,
  seq integer not null,
  -- Attempts started and counted so far.
  attempt integer not null,
  -- Workers that died while they ran it.
  crashes integer not null,
  -- What else there is to do or to look up for this job: shared/src/store/sqlite/flags.rs.
  flags integer not null,
  -- Since when; null: since it was accepted, which is true of nearly every row.
  available_at integer,
  -- The token that put it here, so that a repeated settle is recognised; null: no settle did.
  settled_worker integer,
  settled_claim integer,
  primary key (queue, priority, place)
) strict, without rowid;

CREATE INDEX ready_put_off on ready (seq) where place <> seq;

CREATE TABLE lease (
  seq integer primary key,
  -- The token, with seq as its slot.
  worker integer not null,
  claim integer not null,
  -- For the counters, without a look at the body.
  queue integer not null,
  -- The number of this attempt.
  attempt integer not null,
  crashes integer not null,
  flags integer not null,
  -- As in ready, for a hand-back; null: its seq.
  place integer,
  available_at integer,
  claimed_at integer not null,
  -- The token of the settle before this claim, as in ready.
  settled_worker integer,
  settled_claim integer
) strict;

CREATE TABLE scheduled (
  seq integer primary key,
  -- When it is due.
  run_at integer not null,
  -- scheduled or retryable, by the numbers of shared/src/store/sqlite/row.rs.
  state integer not null,
  queue integer not null,
  priority integer not null,
  attempt integer not null,
  crashes integer not null,
  flags integer not null,
  settled_worker integer,
  settled_claim integer
) strict;

CREATE INDEX scheduled_by_due on scheduled (run_at);

CREATE TABLE finished (
  seq integer primary key,
  -- The token that completed it.
  worker integer not null,
  claim integer not null,
  attempt integer not null,
  crashes integer not null,
  flags integer not null,
  claimed_at integer not null,
  ended_at integer not null
) strict;

CREATE TABLE finished_run (
  ended_at integer not null,
  -- The first of them.
  seq integer not null,
  -- How many: seq, seq + 1, ...
  count integer not null,
  primary key (ended_at, seq)
) strict, without rowid;

CREATE TABLE ended (
  seq integer primary key,
  -- cancelled or discarded, by the numbers of shared/src/store/sqlite/row.rs.
  state integer not null,
  -- The token of the last settle, which need not be what ended it; null: there was none.
  settled_worker integer,
  settled_claim integer,
  attempt integer not null,
  crashes integer not null,
  flags integer not null,
  -- When it was claimed last, if it was when it ended.
  claimed_at integer,
  ended_at integer not null,
  -- The id of the new run of this dead letter.
  replayed_as blob
) strict;

CREATE INDEX ended_by_state on ended (state, seq);

CREATE INDEX ended_by_time on ended (state, ended_at);

CREATE TABLE result (
  seq integer primary key,
  body blob not null
) strict;

CREATE TABLE progress (
  seq integer primary key,
  body blob not null
) strict;

CREATE TABLE attempt_error (
  seq integer not null,
  -- Counts the errors of the job up.
  no integer not null,
  -- The error as JSON: attempt, at, worker, kind, error_type, message.
  error text not null,
  primary key (seq, no)
) strict, without rowid;

CREATE TABLE cancel_request (
  seq integer primary key,
  at integer not null,
  reason text not null
) strict;

CREATE TABLE job_tag (
  tag text not null,
  seq integer not null,
  primary key (tag, seq)
) strict, without rowid;

CREATE TABLE unique_key (
  queue integer not null,
  kind text not null,
  key text not null,
  -- The id of the job that holds it. A window may outlive the job's row, so this is no seq.
  holder blob not null,
  -- When a window ends; null: it is let go of by the job's start or end.
  expires_at integer,
  primary key (queue, kind, key)
) strict, without rowid;

CREATE INDEX unique_key_by_end on unique_key (expires_at) where expires_at is not null;

CREATE TABLE counter (
  queue integer not null,
  -- By the numbers of shared/src/store/sqlite/row.rs.
  state integer not null,
  n integer not null,
  primary key (queue, state)
) strict, without rowid;

CREATE TABLE worker (
  -- Autoincrement: an id is never given out again, which fencing rests on.
  id integer primary key autoincrement,
  -- What it said about itself, as JSON.
  info text not null,
  started_at integer not null,
  beat_at integer not null,
  -- When its lease ends. Not indexed: workers are few.
  expires_at integer not null,
  -- The highest claim number that handed something out.
  last_claim integer not null
) strict;

CREATE TABLE sqlite_sequence(name,seq);

CREATE TABLE schedule (
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

CREATE TABLE tick (
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

CREATE INDEX tick_fired on tick (schedule, at) where status = 1;

CREATE INDEX tick_held on tick (schedule, at) where status = 2;

CREATE TABLE leader (
  role text primary key,
  -- Null: whoever led has resigned.
  candidate text,
  -- Counts changes of leader up.
  term integer not null,
  expires_at integer not null
) strict, without rowid;

CREATE TABLE destination (
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

CREATE TABLE buffer_entry (
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

CREATE INDEX buffer_entry_by_destination on buffer_entry (destination, no);

CREATE INDEX buffer_entry_by_origin on buffer_entry (origin) where origin is not null;

CREATE TABLE receipt (
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

CREATE INDEX receipt_by_origin on receipt (origin) where origin is not null;

CREATE INDEX receipt_loose on receipt (at) where loose = 1;
