-- Buffers: what waits to be delivered to a destination, and what became of it.
--
-- Texts that people or programs make up are kept as bytes in UTF-8: text refuses a NUL.

-- Destinations, known once something was added for them or noted about them. Whoever adds entries
-- or resolves them holds the lock on the row.
create table windlass.destination (
  -- Eight bytes, because every note takes a number, also that of a destination which is known.
  id bigint generated always as identity primary key,
  name text collate "C" not null unique,
  -- How many entries wait: kept up with them, so that a full buffer is seen without counting.
  waiting bigint not null,
  -- Since when nothing is sent to it, and why; both or neither.
  disabled_at timestamptz,
  disabled_why bytea,
  -- When it last took something.
  succeeded_at timestamptz,
  -- When it last failed, and how; both or neither.
  failed_at timestamptz,
  failed_why bytea
) with (
  fillfactor = 30,
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
  autovacuum_vacuum_cost_delay = 0
);

-- Entries that wait.
create table windlass.buffer_entry (
  -- The order in which entries were added; of one destination also the order in which they can be
  -- seen, because it is taken under the lock on the destination. Receipts keep the number on.
  no bigint generated always as identity primary key,
  -- The caller's id.
  id uuid not null,
  destination_id bigint not null,
  -- The id of the job it comes from.
  origin uuid,
  -- Whether no job that goes on bore that id when the entry was added, or the job was forgotten
  -- since.
  is_orphan boolean not null,
  added_at timestamptz not null,
  -- What is to be delivered.
  body bytea not null,
  -- So that a repeated append is recognised.
  unique (destination_id, id)
) with (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_cost_delay = 0
);

-- The oldest entries of one destination.
create index buffer_entry_by_destination on windlass.buffer_entry (destination_id, no);

-- What still waits of one job's entries.
create index buffer_entry_by_origin on windlass.buffer_entry (origin) where origin is not null;

-- What became of entries that wait no more.
create table windlass.receipt (
  -- The number the entry had.
  no bigint primary key,
  id uuid not null,
  destination_id bigint not null,
  origin uuid,
  -- 1 delivered, 2 refused.
  fate smallint not null,
  -- Refused: why.
  reason bytea,
  -- When that was decided.
  at timestamptz not null,
  -- Whether it goes by itself, because no job takes it along when it goes. A receipt hangs on its
  -- job so that it is not forgotten before it. Of a job that has ended when the fate is decided that
  -- is sure anyway: a loose receipt goes after the longest retention since then. So nobody has to
  -- search for a job among all that ended.
  is_loose boolean not null,
  -- So that an append that is repeated after the delivery is recognised.
  unique (destination_id, id)
);

-- What became of one job's entries.
create index receipt_by_origin on windlass.receipt (origin) where origin is not null;

-- Pruning reads the oldest of those that go by themselves from its start.
create index receipt_loose on windlass.receipt (at, no) where is_loose;

-- Adds entries to a buffer: all that are new, or nothing when more than p_capacity would wait.
create function windlass.append_entries(
  p_now timestamptz,
  p_destination text,
  p_capacity bigint,
  p_ids uuid[],
  p_origins uuid[],
  p_bodies bytea[],
  -- How many wait now.
  out o_waiting bigint,
  out o_is_full boolean
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_destination bigint;
  v_new bigint[];
  v_orphans uuid[];
  v_now timestamptz;
begin
  o_is_full := false;
  loop
    select destination.id, destination.waiting into v_destination, o_waiting
    from windlass.destination
    where destination.name = p_destination
    for update;
    o_waiting := coalesce(o_waiting, 0);
    -- The places of entries that neither wait nor have a receipt, each id once.
    v_new := array(
      select min(given.nth)
      from unnest(p_ids) with ordinality as given (id, nth)
      where not exists (
        select
        from windlass.buffer_entry as entry
        where entry.destination_id = v_destination and entry.id = given.id
      ) and not exists (
        select
        from windlass.receipt
        where receipt.destination_id = v_destination and receipt.id = given.id
      )
      group by given.id
    );
    -- A repetition adds nothing, and must not fail because others have filled the buffer since.
    if cardinality(v_new) = 0 then
      return;
    end if;
    if o_waiting + cardinality(v_new) > p_capacity then
      o_is_full := true;
      return;
    end if;
    exit when v_destination is not null;
    -- Another one may make it known at the same time, so everything is looked at again.
    insert into windlass.destination (name, waiting)
    values (p_destination, 0)
    on conflict (name) do nothing;
  end loop;
  v_now := coalesce(p_now, clock_timestamp());
  v_orphans := array(
    select given.origin
    from (select distinct unnest(p_origins)) as given (origin)
    where given.origin is not null and not windlass.goes_on(given.origin)
  );
  insert into windlass.buffer_entry (id, destination_id, origin, is_orphan, added_at, body)
  select
    given.id,
    v_destination,
    given.origin,
    coalesce(given.origin = any (v_orphans), false),
    v_now,
    given.body
  from unnest(p_ids, p_origins, p_bodies) with ordinality as given (id, origin, body, nth)
  join unnest(v_new) as fresh (nth) on fresh.nth = given.nth
  order by given.nth;
  o_waiting := o_waiting + cardinality(v_new);
  update windlass.destination
  set waiting = o_waiting
  where id = v_destination;
end
$$;

-- Keeps what became of entries that wait; others are passed over. Of several fates of one entry
-- the first counts.
create function windlass.resolve_entries(
  p_now timestamptz,
  p_destination text,
  p_ids uuid[],
  p_fates smallint[],
  p_reasons bytea[]
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_destination bigint;
  v_now timestamptz;
  v_resolved bigint;
begin
  select destination.id into v_destination
  from windlass.destination
  where destination.name = p_destination
  for update;
  if not found then
    return;
  end if;
  -- Against a prune that forgets their jobs: it locks entries in the same order.
  perform 1
  from windlass.buffer_entry as entry
  where entry.destination_id = v_destination and entry.id = any (p_ids)
  order by entry.no
  for update;
  v_now := coalesce(p_now, clock_timestamp());
  with
  decided as (
    select distinct on (given.id) given.id, given.fate, given.reason
    from unnest(p_ids, p_fates, p_reasons) with ordinality as given (id, fate, reason, nth)
    order by given.id, given.nth
  ),
  taken as (
    delete from windlass.buffer_entry as entry
    using decided
    where entry.destination_id = v_destination and entry.id = decided.id
    returning
      entry.no, entry.id, entry.origin, entry.is_orphan, decided.fate, decided.reason
  )
  insert into windlass.receipt (no, id, destination_id, origin, fate, reason, at, is_loose)
  select
    taken.no, taken.id, v_destination, taken.origin, taken.fate, taken.reason, v_now,
    -- A job may have been accepted under the id since the entry was added.
    taken.origin is null or (taken.is_orphan and not windlass.goes_on(taken.origin))
  from taken;
  get diagnostics v_resolved = row_count;
  if v_resolved > 0 then
    update windlass.destination
    set waiting = waiting - v_resolved
    where id = v_destination;
  end if;
end
$$;

-- Forgets the receipts of the entries of jobs that are forgotten in this transaction. Entries that
-- still wait stay, and hang on nothing from now on.
create function windlass.prune_receipts_of(p_ids uuid[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  -- First those that wait: one that is resolved at this moment has its receipt when the lock is
  -- got, and one that is resolved after it is known to be an orphan.
  perform 1
  from windlass.buffer_entry as entry
  where entry.origin = any (p_ids)
  order by entry.no
  for update;
  update windlass.buffer_entry
  set is_orphan = true
  where origin = any (p_ids) and not is_orphan;
  delete from windlass.receipt
  where origin = any (p_ids);
end
$$;

-- Forgets what has had its time beside jobs: receipts that go by themselves and were decided until
-- p_loose_until, at most p_limit; and ticks beyond the newest hundred of their schedule, unless
-- the next tick is judged by them. Answers whether more such receipts wait.
create function windlass.prune_beside(
  p_loose_until timestamptz,
  p_limit bigint
) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  -- What another prune has in hand is passed over.
  delete from windlass.receipt
  where no = any (array(
    select old.no
    from windlass.receipt as old
    where old.is_loose and old.at <= p_loose_until
    order by old.at, old.no
    limit p_limit
    for update skip locked
  ));
  delete from windlass.tick as old
  using (
    select
      schedule.id,
      (
        select tick.at
        from windlass.tick
        where tick.schedule_id = schedule.id
        order by tick.at desc
        offset 99
        limit 1
      ) as kept_from,
      (
        select max(tick.at)
        from windlass.tick
        where tick.schedule_id = schedule.id and tick.status = 1
      ) as fired_at
    from windlass.schedule
  ) as crowded
  where old.schedule_id = crowded.id
    and old.at < crowded.kept_from
    and old.at is distinct from crowded.fired_at
    and old.status <> 2;
  return exists (
    select
    from windlass.receipt
    where receipt.is_loose and receipt.at <= p_loose_until
  );
end
$$;
