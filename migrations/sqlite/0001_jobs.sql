-- Jobs: what was asked for, where each one stands, and who works on them.
--
-- A job's body is written once and never changed. Where a job stands is told by the one narrow
-- table that holds a row for it: ready, lease, scheduled, finished or ended. A job that moves on
-- is a row deleted here and a row inserted there, so every state has its own list, and no index
-- names a state. All times (`_at`) are microseconds since 1970 in UTC, all lengths are in the
-- unit that their name ends in.

-- Queues: known once a job was enqueued into them or a worker serves them, and never forgotten.
create table queue (
  -- Stands for the name in every row about a job: short, and never given to another queue.
  id integer primary key,
  -- What people call it.
  name text not null unique,
  -- Since when nothing of it is claimed; null: it is open.
  paused_at integer
) strict;

-- The last number given out: one row. Every job that is accepted takes the next one, and so does
-- every job that becomes available later than that; no number is ever given out twice.
create table sequence (
  id integer primary key check (id = 1),
  last integer not null
) strict;

insert into sequence (id, last) values (1, 0);

-- Bodies of jobs.
create table job (
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

-- Jobs that may be claimed now. The key is the order of claims: a claim reads from its start.
create table ready (
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

-- Finds a job that was put off, whose place does not follow from its body. Others are not in it.
create index ready_put_off on ready (seq) where place <> seq;

-- Jobs that run, and who holds them.
create table lease (
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

-- Jobs that wait for their time.
create table scheduled (
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

-- Promotion reads what is due from its start.
create index scheduled_by_due on scheduled (run_at);

-- Jobs that completed. No index by time: finished_run is that, at a row for many jobs.
create table finished (
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

-- Runs of neighbours that completed in one transaction: what pruning reads, oldest first.
create table finished_run (
  ended_at integer not null,
  -- The first of them.
  seq integer not null,
  -- How many: seq, seq + 1, ...
  count integer not null,
  primary key (ended_at, seq)
) strict, without rowid;

-- Jobs that were cancelled or discarded.
create table ended (
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

-- Lists of the cancelled and of the dead letters, newest first.
create index ended_by_state on ended (state, seq);

-- Pruning reads what ended longest ago from its start.
create index ended_by_time on ended (state, ended_at);

-- What handlers returned; only jobs with a result have a row.
create table result (
  seq integer primary key,
  body blob not null
) strict;

-- What handlers reported last; only jobs with progress have a row.
create table progress (
  seq integer primary key,
  body blob not null
) strict;

-- Failed attempts, the newest fifty of a job.
create table attempt_error (
  seq integer not null,
  -- Counts the errors of the job up.
  no integer not null,
  -- The error as JSON: attempt, at, worker, kind, error_type, message.
  error text not null,
  primary key (seq, no)
) strict, without rowid;

-- Stops that somebody asked for; only such jobs have a row.
create table cancel_request (
  seq integer primary key,
  at integer not null,
  reason text not null
) strict;

-- Finds jobs by a tag, newest first.
create table job_tag (
  tag text not null,
  seq integer not null,
  primary key (tag, seq)
) strict, without rowid;

-- Unique keys that are held.
create table unique_key (
  queue integer not null,
  kind text not null,
  key text not null,
  -- The id of the job that holds it. A window may outlive the job's row, so this is no seq.
  holder blob not null,
  -- When a window ends; null: it is let go of by the job's start or end.
  expires_at integer,
  primary key (queue, kind, key)
) strict, without rowid;

-- Pruning finds windows that have ended; the other policies are not in it.
create index unique_key_by_end on unique_key (expires_at) where expires_at is not null;

-- How many jobs of a queue are in a state: kept up by one row per transaction, queue and state.
create table counter (
  queue integer not null,
  -- By the numbers of shared/src/store/sqlite/row.rs.
  state integer not null,
  n integer not null,
  primary key (queue, state)
) strict, without rowid;

-- Workers whose registration has not ended.
create table worker (
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
