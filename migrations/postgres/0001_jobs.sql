-- Jobs: their bodies, where they stand, and what hangs on them.
--
-- The law of this schema: no row is updated at job rate. A body is inserted once. Where a job
-- stands is told by the one table that has it (ready, lease, scheduled, finished_batch, ended).
-- A job that runs as planned never has a row of its own but its body: it stands in a chunk of
-- ready, in the lease of a claimed batch, in the record of a settled batch ("bulk"). Whatever is
-- special about a job (it failed before, holds a unique key, was handed back) gives it a row of
-- its own ("single": attempt is not null there).
--
-- A body without a place was forgotten: it goes with its partition.

-- Short numbers that stand for names of queues in every row about a job.
create table windlass.queue (
  id integer generated always as identity primary key,
  name text collate "C" not null unique,
  -- Since when nothing of it is claimed; null: it is open.
  paused_at timestamptz
);

-- Bodies: written once. By the time in the id, so that old ones go with their partition.
create table windlass.job (
  id uuid not null,
  accepted_at timestamptz not null,
  queue_id integer not null,
  -- How soon within the queue: 0 first, 9 last.
  priority smallint not null,
  max_attempts smallint not null,
  -- What it does. The name itself, so that people can read the table.
  kind text collate "C" not null,
  -- What it carries.
  args bytea not null,
  -- What few jobs have: timeout_ns, backoff, unique, tags, traceparent, tracestate, content_type,
  -- replay_of. Null: nothing of it.
  opts jsonb,
  primary key (id)
) partition by range (id);

-- Ids whose time lies outside the partitions: clocks that are wrong, and jobs that outlived theirs.
create table windlass.job_default partition of windlass.job default;

-- Available jobs: a row stands for up to 64 of one queue and lane.
create table windlass.ready (
  queue_id integer not null,
  -- Twice the priority for jobs that were handed back and stand in front, plus one for the rest.
  lane smallint not null,
  -- The transaction that made them available; claims remember up to which they have looked.
  -- 0 in front, where nothing is remembered.
  xid xid8 not null default pg_current_xact_id(),
  -- The place of the first; the others follow it one by one.
  no bigint not null,
  ids uuid[] not null,
  -- Bounds of the ids.
  min_id uuid not null,
  max_id uuid not null,
  available_at timestamptz not null,
  -- Whether they became available later than they were accepted.
  put_off boolean not null,
  -- Single: attempts counted so far, crashes, and the token of the settle that put it here.
  attempt smallint,
  crashes smallint,
  settled_worker bigint,
  settled_claim bigint
) with (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
  autovacuum_vacuum_insert_threshold = -1, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off
);
create index ready_by_place on windlass.ready (queue_id, lane, xid, no);
create index ready_by_id on windlass.ready (max_id, min_id);
create sequence windlass.place increment by 64;

-- From where on available jobs of a queue are looked for (0003).
create table windlass.mark (
  queue_id integer primary key,
  marks xid8[] not null,
  stragglers xid8[] not null,
  -- When it was written, and when it was begun anew.
  written_at timestamptz not null,
  begun_at timestamptz not null
) with (fillfactor = 50);

-- Running jobs: a row stands for a batch that was claimed together; its key is the token.
create table windlass.lease (
  worker_id bigint not null,
  claim bigint not null,
  -- The slot of the first; the others follow it one by one.
  slot integer not null,
  lone boolean not null,
  queue_id integer not null,
  claimed_at timestamptz not null,
  ids uuid[] not null,
  min_id uuid not null,
  max_id uuid not null,
  -- One bit per job: it has not been settled.
  open varbit not null,
  -- Where they stood, for a hand-back: lane, place and length of each chunk.
  lanes smallint[] not null,
  nos bigint[] not null,
  lens integer[] not null,
  -- Since when they were available; null: since they were accepted.
  available_at timestamptz,
  -- Single: attempts counted before this one, and crashes.
  attempt smallint,
  crashes smallint,
  primary key (worker_id, claim, slot, lone)
) with (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_insert_threshold = -1, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off
);
alter table windlass.lease alter ids set storage external;

-- Jobs that are due later.
create table windlass.scheduled (
  id uuid primary key,
  queue_id integer not null,
  priority smallint not null,
  run_at timestamptz not null,
  -- retryable, else scheduled.
  is_retry boolean not null,
  -- Single, as in ready.
  attempt smallint,
  crashes smallint,
  settled_worker bigint,
  settled_claim bigint
);
create index scheduled_by_time on windlass.scheduled (run_at, id);

-- Jobs that were completed in bulk: first attempt, no result. A row per settled batch.
create table windlass.finished_batch (
  queue_id integer not null,
  worker_id bigint not null,
  claim bigint not null,
  claimed_at timestamptz not null,
  ended_at timestamptz not null,
  min_id uuid not null,
  max_id uuid not null,
  ids uuid[] not null
);
alter table windlass.finished_batch alter ids set storage external;
create index finished_batch_by_id on windlass.finished_batch (max_id, min_id);
create index finished_batch_by_time on windlass.finished_batch (ended_at);

-- Every other end of a job.
create table windlass.ended (
  id uuid primary key,
  queue_id integer not null,
  -- 5 completed, 6 cancelled, 7 discarded.
  state smallint not null,
  attempt smallint not null,
  crashes smallint not null,
  -- The token of the settle that ended it; null: no settle did.
  settled_worker bigint,
  settled_claim bigint,
  -- When it was claimed last, if it ran when it ended.
  claimed_at timestamptz,
  ended_at timestamptz not null,
  result bytea,
  -- The new run of this dead letter.
  replayed_as uuid
);
create index ended_by_state on windlass.ended (state, id);
create index ended_by_time on windlass.ended (state, ended_at);

-- What a handler last reported.
create table windlass.progress (
  id uuid primary key,
  body bytea not null
);

-- What went wrong, attempt by attempt; the newest fifty of a job.
create table windlass.attempt_error (
  id uuid not null,
  -- Counts the errors of the job up.
  no integer not null,
  attempt smallint not null,
  at timestamptz not null,
  worker_id bigint not null,
  -- kind, error_type, message. Text, because a message may hold what jsonb refuses.
  failure json not null,
  primary key (id, no)
);

-- Who wanted a job stopped, first.
create table windlass.cancel_request (
  id uuid primary key,
  at timestamptz not null,
  reason text not null,
  -- Who ran it then.
  worker_id bigint
);
create index cancel_request_by_worker on windlass.cancel_request (worker_id)
  where worker_id is not null;

create table windlass.job_tag (
  tag text collate "C" not null,
  id uuid not null,
  primary key (tag, id)
);

-- Who holds a unique key.
create table windlass.unique_key (
  queue_id integer not null,
  kind text collate "C" not null,
  key text collate "C" not null,
  holder uuid not null,
  -- When a window ends; null: the job's start or end lets go of it.
  expires_at timestamptz,
  primary key (queue_id, kind, key)
);
create index unique_key_by_end on windlass.unique_key (expires_at) where expires_at is not null;

-- How many jobs of a queue are in a state: the sum of both. What happens is added to delta, a row
-- per batch; now and then that is folded into counter. What was folded and cannot be cleaned yet is not
-- walked over again: folding leaves a mark and its stragglers, as claims do (0003).
create table windlass.counter (
  queue_id integer not null,
  state smallint not null,
  n bigint not null,
  primary key (queue_id, state)
);
create table windlass.delta (
  queue_id integer not null,
  state smallint not null,
  n integer not null,
  xid xid8 not null default pg_current_xact_id()
) with (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
  autovacuum_vacuum_insert_threshold = -1, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off
);
create index delta_by_xid on windlass.delta (xid);
create table windlass.folded (
  mark xid8 not null,
  stragglers xid8[] not null
);
insert into windlass.folded values ('0', '{}');

-- Workers whose registration has not ended. The id is never given out again.
create table windlass.worker (
  id bigint generated always as identity primary key,
  info json not null,
  started_at timestamptz not null,
  beat_at timestamptz not null,
  expires_at timestamptz not null
) with (fillfactor = 50);
