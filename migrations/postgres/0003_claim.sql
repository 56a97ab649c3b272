-- Handing out jobs.
--
-- Claims of one queue take turns: each holds the queue's advisory lock to its end, about a
-- millisecond, because it commits without waiting for the disk. A claim that a crash undoes is
-- harmless: its jobs are available again and its token is unknown. Claims of one worker take turns too.
--
-- A scan that started at the beginning of a lane would walk over everything that was ever claimed
-- and could not be cleaned yet (a snapshot somebody holds open for an hour is enough). It starts
-- at a *mark* instead: a transaction number below which nothing can be found any more, but for
-- what a few transactions may still commit that were under way when the mark was set, the
-- *stragglers*. Why nothing is missed: take a snapshot S, then scan. A row of a transaction x below
-- S.xmax was committed before S, then the scan saw it, or x was under way in S, then it is a
-- straggler. Nobody but a claim or a cancel takes rows away, and they hold the queue's lock.
-- (tests/marks tries this in every order that there is.)
-- Rows that are put back keep their xid; a mark is never set beyond a row that is left.
-- Marks are the caller's, and a hint: those of '0' are always right. A crash of the server may
-- bring back rows that were taken, so callers forget their marks whenever a connection fails.
-- Whoever has none begins at those that are kept in windlass.mark, and so does every now and then a
-- claim of anybody, which then writes there what it found. These outlive a crash: they were written by a
-- claim that began at what was kept before, so what a crash undoes are later claims, whose rows lie
-- behind them. Each hour they begin at '0', for the tables may be copied to a server whose
-- transactions have lower numbers.
--
-- Locks are always taken in this order: worker, queues by number, leases by key.

-- The advisory lock of a queue, until the transaction ends.
create function windlass.lock_queue(p_queue integer) returns void
language sql as 'select pg_advisory_xact_lock(1463897698, p_queue)';

-- The marks and stragglers of a queue that are kept, and whether a claim that takes something is to
-- write them anew.
create function windlass.kept_marks(
  p_queue integer, out o_marks xid8[], out o_stragglers xid8[], out o_writes boolean
)
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare m windlass.mark;
begin
  select * into m from windlass.mark x where x.queue_id = p_queue;
  if not found or m.begun_at < clock_timestamp() - interval '1 hour'
      or pg_snapshot_xmax(pg_current_snapshot()) < any (m.marks) then
    o_marks := array_fill('0'::xid8, array[20]);
    o_stragglers := '{}';
    o_writes := true;
  else
    o_marks := m.marks;
    o_stragglers := m.stragglers;
    o_writes := m.written_at < clock_timestamp() - interval '2 seconds';
  end if;
end $$;

create function windlass.keep_marks(p_queue integer, p_marks xid8[], p_stragglers xid8[], p_begins boolean)
returns void
language sql set search_path = pg_catalog, pg_temp as $$
  insert into windlass.mark as m (queue_id, marks, stragglers, written_at, begun_at)
  values (p_queue, p_marks, p_stragglers, clock_timestamp(), clock_timestamp())
  on conflict (queue_id) do update
    set marks = excluded.marks, stragglers = excluded.stragglers, written_at = excluded.written_at,
      begun_at = case when p_begins then excluded.begun_at else m.begun_at end
$$;

-- What a worker holds of one claim: the answer of a claim, first or repeated, in no order. Volatile,
-- though it changes nothing: it looks at bodies with a snapshot that is taken when it has its locks,
-- for with an older one it would miss a body that moves to another partition meanwhile. Bodies are
-- looked up all at once, which costs half of one look for each; the bounds let the server leave out
-- all partitions but those that are needed, before it opens them.
create function windlass.held(p_worker bigint, p_claim bigint)
returns table (
  slot integer, id uuid, queue text, attempt smallint, crashes smallint,
  available_at timestamptz, claimed_at timestamptz, accepted_at timestamptz, kind text, args bytea,
  max_attempts smallint, opts text, progress bytea
)
language plpgsql rows 100
set search_path = pg_catalog, pg_temp set jit = off set enable_hashjoin = on set enable_nestloop = off
set enable_mergejoin = off set enable_seqscan = off set enable_bitmapscan = off
set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare l record; v_ids uuid[]; v_least uuid; v_greatest uuid;
begin
  for l in
    select x.slot, x.claimed_at, x.available_at, x.ids, x.min_id, x.max_id, x.open,
        (select q.name from windlass.queue q where q.id = x.queue_id) as queue
      from windlass.lease x where x.worker_id = p_worker and x.claim = p_claim and not x.lone
  loop
    return query
    select (l.slot + u.o - 1)::integer, j.id, l.queue, 0::smallint, 0::smallint,
        coalesce(l.available_at, j.accepted_at), l.claimed_at, j.accepted_at, j.kind, j.args,
        j.max_attempts, j.opts::text, null::bytea
      from unnest(l.ids) with ordinality u(id, o) join windlass.job j on j.id = u.id
      where get_bit(l.open, u.o::integer - 1) = 1
        and j.id = any (l.ids) and j.id between l.min_id and l.max_id;
  end loop;
  v_ids := array(select x.ids[1] from windlass.lease x
    where x.worker_id = p_worker and x.claim = p_claim and x.lone);
  if cardinality(v_ids) > 0 then
    v_least := windlass.least_id(v_ids);
    v_greatest := windlass.greatest_id(v_ids);
    return query
    select x.slot, j.id, (select q.name from windlass.queue q where q.id = x.queue_id), x.attempt,
        x.crashes, x.available_at, x.claimed_at, j.accepted_at, j.kind, j.args, j.max_attempts,
        j.opts::text, (select p.body from windlass.progress p where p.id = j.id)
      from windlass.lease x join windlass.job j on j.id = x.ids[1]
      where x.worker_id = p_worker and x.claim = p_claim and x.lone
        and j.id = any (v_ids) and j.id between v_least and v_greatest;
  end if;
end $$;

create function windlass.claim(
  p_now timestamptz, p_worker bigint, p_claim bigint, p_queues text[], p_wants integer[],
  p_max integer, p_marks text[], p_stragglers text[]
) returns table (
  slot integer, id uuid, queue text, attempt smallint, crashes smallint,
  available_at timestamptz, claimed_at timestamptz, accepted_at timestamptz, kind text, args bytea,
  max_attempts smallint, opts text, progress bytea
)
language plpgsql rows 100
set search_path = pg_catalog, pg_temp set jit = off set enable_hashjoin = off set enable_mergejoin = off
set enable_seqscan = off set enable_bitmapscan = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  v_now timestamptz := coalesce(p_now, clock_timestamp());
  v_expires timestamptz;
  v_queues integer[] := '{}'; v_queue integer;
  v_marks xid8[]; v_strag xid8[]; v_new xid8[]; v_last xid8;
  v_snap pg_snapshot; v_xmax xid8; v_running xid8[]; k record;
  r record; v_lane integer; v_need integer; v_take integer; v_room integer := p_max;
  v_slot integer := 0; v_tids tid[]; v_singles uuid[] := '{}'; v_taken integer;
  -- The batch that is being gathered.
  b_ids uuid[] := '{}'; b_slot integer; b_lanes smallint[]; b_nos bigint[]; b_lens integer[];
  b_min uuid; b_max uuid; b_available timestamptz;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'claims need the isolation level read committed';
  end if;
  perform set_config('synchronous_commit', 'off', true);
  -- Whoever rescues what this worker holds takes this lock first: no lease is made behind its back.
  -- Nor by a claim of the same number whose connection was cut while it waits for a queue: that one
  -- ends first, and is found.
  perform pg_advisory_xact_lock(1463897687, (p_worker % 2147483647)::integer);
  select w.expires_at into v_expires from windlass.worker w where w.id = p_worker;
  if not found or v_expires <= v_now then
    raise exception using errcode = 'WL001', message = p_worker::text;
  end if;
  if exists (select from windlass.lease l where l.worker_id = p_worker and l.claim = p_claim) then
    return query select h.slot, h.id, h.queue, h.attempt, h.crashes, h.available_at, h.claimed_at,
      h.accepted_at, h.kind, h.args, h.max_attempts, h.opts, h.progress
      from windlass.held(p_worker, p_claim) h;
    return;
  end if;

  -- Which of the queues are open, by a look that takes no lock.
  for w in 1..cardinality(p_queues) loop
    v_queue := null;
    if p_wants[w] > 0 then
      select q.id into v_queue from windlass.queue q
        where q.name = p_queues[w] collate "C" and q.paused_at is null;
    end if;
    v_queues := array_append(v_queues, v_queue);
  end loop;
  for v_queue in select distinct x from unnest(v_queues) x where x is not null order by x loop
    perform windlass.lock_queue(v_queue);
  end loop;

  for w in 1..cardinality(p_queues) loop
    v_need := least(p_wants[w], v_room);
    continue when v_queues[w] is null or v_need <= 0;
    v_queue := v_queues[w];
    -- A pause that was answered holds.
    continue when not exists (
      select from windlass.queue q where q.id = v_queue and q.paused_at is null);
    select * into k from windlass.kept_marks(v_queue);
    if k.o_writes or p_marks[w] is null then
      v_marks := k.o_marks;
      v_strag := k.o_stragglers;
    else
      v_marks := p_marks[w]::xid8[];
      v_strag := coalesce(p_stragglers[w]::xid8[], '{}');
    end if;
    v_new := v_marks;
    v_snap := pg_current_snapshot();
    v_xmax := pg_snapshot_xmax(v_snap);
    v_running := array(select pg_snapshot_xip(v_snap));
    v_tids := '{}'; v_taken := 0; v_lane := -1; v_last := null;
    for r in
      select m.lane - 1 as lane, s.c, s.xid, s.no, s.ids, s.min_id, s.max_id, s.available_at,
          s.put_off, s.attempt, s.crashes
        from unnest(v_marks) with ordinality m(mark, lane)
        cross join lateral (
          (select t.c, t.xid, t.no, t.ids, t.min_id, t.max_id, t.available_at, t.put_off, t.attempt,
              t.crashes
            from unnest(v_strag) g(xid)
            cross join lateral (
              select x.ctid as c, x.xid, x.no, x.ids, x.min_id, x.max_id, x.available_at, x.put_off,
                  x.attempt, x.crashes
                from windlass.ready x
                where x.queue_id = v_queue and x.lane = m.lane - 1 and x.xid = g.xid
                order by x.no limit v_need + 1) t
            where g.xid < m.mark)
          union all
          (select x.ctid, x.xid, x.no, x.ids, x.min_id, x.max_id, x.available_at, x.put_off,
              x.attempt, x.crashes
            from windlass.ready x
            where x.queue_id = v_queue and x.lane = m.lane - 1 and x.xid >= m.mark
            order by x.xid, x.no limit v_need + 1)
        ) s
    loop
      -- Before the lane is looked at: something may be left of the chunk that was taken last.
      exit when v_need <= 0;
      -- The scan has passed every lane before this one to its end.
      if r.lane <> v_lane then
        v_lane := r.lane;
        v_last := null;
      end if;
      v_take := least(v_need, cardinality(r.ids));
      v_tids := array_append(v_tids, r.c);
      v_last := r.xid;
      if v_take < cardinality(r.ids) then
        insert into windlass.ready
          (queue_id, lane, xid, no, ids, min_id, max_id, available_at, put_off)
        values (v_queue, r.lane, r.xid, r.no + v_take, r.ids[v_take + 1:], r.min_id, r.max_id,
          r.available_at, r.put_off);
        r.ids := r.ids[1:v_take];
      end if;
      -- A batch ends where something else begins.
      if cardinality(b_ids) > 0 and (r.attempt is not null
          or (case when r.put_off then r.available_at end) is distinct from b_available) then
        insert into windlass.lease (worker_id, claim, slot, lone, queue_id, claimed_at, ids, min_id,
          max_id, open, lanes, nos, lens, available_at)
        values (p_worker, p_claim, b_slot, false, v_queue, v_now, b_ids, b_min, b_max,
          repeat('1', cardinality(b_ids))::varbit, b_lanes, b_nos, b_lens, b_available);
        b_ids := '{}';
      end if;
      if r.attempt is not null then
        insert into windlass.lease (worker_id, claim, slot, lone, queue_id, claimed_at, ids, min_id,
          max_id, open, lanes, nos, lens, available_at, attempt, crashes)
        values (p_worker, p_claim, v_slot, true, v_queue, v_now, r.ids, r.min_id, r.max_id, '1',
          array[r.lane::smallint], array[r.no], array[1], r.available_at, r.attempt, r.crashes);
        v_singles := v_singles || r.ids;
      elsif cardinality(b_ids) = 0 then
        b_ids := r.ids; b_slot := v_slot; b_min := r.min_id; b_max := r.max_id;
        b_lanes := array[r.lane::smallint]; b_nos := array[r.no]; b_lens := array[v_take];
        b_available := case when r.put_off then r.available_at end;
      else
        b_ids := b_ids || r.ids;
        b_min := least(b_min, r.min_id); b_max := greatest(b_max, r.max_id);
        b_lanes := array_append(b_lanes, r.lane::smallint); b_nos := array_append(b_nos, r.no);
        b_lens := array_append(b_lens, v_take);
      end if;
      v_slot := v_slot + v_take; v_need := v_need - v_take; v_taken := v_taken + v_take;
    end loop;
    if cardinality(b_ids) > 0 then
      insert into windlass.lease (worker_id, claim, slot, lone, queue_id, claimed_at, ids, min_id,
        max_id, open, lanes, nos, lens, available_at)
      values (p_worker, p_claim, b_slot, false, v_queue, v_now, b_ids, b_min, b_max,
        repeat('1', cardinality(b_ids))::varbit, b_lanes, b_nos, b_lens, b_available);
      b_ids := '{}';
    end if;
    if v_taken > 0 then
      delete from windlass.ready x where x.ctid = any (v_tids);
      insert into windlass.delta (queue_id, state, n) values (v_queue, 2, -v_taken), (v_queue, 3, v_taken);
      v_room := v_room - v_taken;
    end if;

    -- Lanes that were read to their end start at what comes next; the one in which the scan
    -- stopped, at the last chunk it took. None beyond what had ended when the snapshot was taken: the
    -- scan sees more than that, and of what lies there nobody knows what is still under way. The
    -- lanes in front (even) are read from their start.
    for i in 0..9 loop
      v_lane := case when v_need > 0 then 20 else v_lane end;
      if 2 * i + 1 < v_lane then
        v_new[2 * i + 2] := greatest(v_xmax, v_marks[2 * i + 2]);
      elsif 2 * i + 1 = v_lane and v_last is not null then
        v_new[2 * i + 2] := greatest(least(v_last, v_xmax), v_marks[2 * i + 2]);
      end if;
    end loop;
    select x into v_last from unnest(v_new) x order by x desc limit 1;
    -- What was under way when the scan began and lies below a mark; and the stragglers of before,
    -- unless they had ended and everything was read.
    v_strag := array(
      select distinct x from (
        select x from unnest(v_running) x where x < v_last
        union all
        select x from unnest(v_strag) x where v_need <= 0 or x = any (v_running)
      ) s order by x);
    if cardinality(v_strag) > 512 then
      v_new := array_fill('0'::xid8, array[20]);
      v_strag := '{}';
    end if;
    if k.o_writes and v_taken > 0 then
      perform windlass.keep_marks(v_queue, v_new, v_strag, '0' = all (k.o_marks));
    end if;
    slot := -w; kind := v_new::text; opts := v_strag::text;
    return next;
  end loop;

  if v_slot = 0 then
    return;
  end if;
  if cardinality(v_singles) > 0 then
    delete from windlass.unique_key k using unnest(v_singles) u(id), windlass.job j
      where j.id = u.id and j.opts -> 'unique' ->> 'policy' = 'until_started'
        and k.queue_id = j.queue_id and k.kind = j.kind
        and k.key = (j.opts -> 'unique' ->> 'key') collate "C" and k.holder = j.id;
  end if;
  return query select h.slot, h.id, h.queue, h.attempt, h.crashes, h.available_at, h.claimed_at,
    h.accepted_at, h.kind, h.args, h.max_attempts, h.opts, h.progress
    from windlass.held(p_worker, p_claim) h;
end $$;
