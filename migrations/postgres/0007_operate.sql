-- Looking at jobs, and what operators do with them.

-- Where jobs stand. A job that is unknown or forgotten has no row.
create function windlass.standing(p_ids uuid[])
returns table (
  id uuid, state smallint, attempt smallint, crashes smallint,
  due_at timestamptz, claimed_at timestamptz, ended_at timestamptz,
  worker_id bigint, replayed_as uuid, result bytea
)
language plpgsql stable rows 100
set search_path = pg_catalog, pg_temp set jit = off set enable_hashjoin = off set enable_mergejoin = off
set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
begin
  return query
  select u.id, s.state, s.attempt, s.crashes, s.due_at, s.claimed_at, s.ended_at, s.worker_id,
      s.replayed_as, s.result
    from unnest(p_ids) u(id)
    cross join lateral (
      select e.state, e.attempt, e.crashes, null::timestamptz as due_at, e.claimed_at,
          e.ended_at, null::bigint as worker_id, e.replayed_as, e.result
        from windlass.ended e where e.id = u.id
      union all
      select case when s.is_retry then 4::smallint else 1::smallint end,
          coalesce(s.attempt, 0::smallint), coalesce(s.crashes, 0::smallint), s.run_at, null, null,
          null, null, null
        from windlass.scheduled s where s.id = u.id
      union all
      select 3::smallint, (coalesce(l.attempt, 0) + 1)::smallint, coalesce(l.crashes, 0::smallint),
          coalesce(l.available_at, '-infinity'), l.claimed_at, null, l.worker_id, null, null
        from windlass.lease l
        where u.id between l.min_id and l.max_id and u.id = any (l.ids)
          and get_bit(l.open, array_position(l.ids, u.id) - 1) = 1
      union all
      select 2::smallint, coalesce(r.attempt, 0::smallint), coalesce(r.crashes, 0::smallint),
          r.available_at, null, null, null, null, null
        from windlass.ready r
        where r.max_id >= u.id and r.min_id <= u.id and u.id = any (r.ids)
      union all
      select 5::smallint, 1::smallint, 0::smallint, null, f.claimed_at, f.ended_at, null, null, null
        from windlass.finished_batch f
        where f.max_id >= u.id and f.min_id <= u.id and u.id = any (f.ids)
      limit 1
    ) s;
end $$;

-- What a list shows of jobs, newest first. Volatile for the reason that held is.
create function windlass.summaries(p_ids uuid[])
returns table (
  id uuid, kind text, queue text, priority smallint, max_attempts smallint,
  accepted_at timestamptz, tags text[], replay_of uuid,
  state smallint, attempt smallint, crashes smallint, due_at timestamptz, claimed_at timestamptz,
  ended_at timestamptz, replayed_as uuid,
  error_attempt smallint, error_at timestamptz, error_worker bigint, error_failure text
)
language plpgsql rows 100
set search_path = pg_catalog, pg_temp set jit = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
begin
  return query
  select j.id, j.kind, q.name, j.priority, j.max_attempts, j.accepted_at,
      case when j.opts ? 'tags'
        then array(select jsonb_array_elements_text(j.opts -> 'tags')) end,
      (j.opts ->> 'replay_of')::uuid,
      s.state, s.attempt, s.crashes,
      -- What became available when it was accepted does not say so in a column of its own.
      case when s.due_at = '-infinity' then j.accepted_at else s.due_at end,
      s.claimed_at, s.ended_at, s.replayed_as, e.attempt, e.at, e.worker_id, e.failure::text
    from windlass.standing(p_ids) s
    join windlass.job j on j.id = s.id
    join windlass.queue q on q.id = j.queue_id
    left join lateral (
      select x.attempt, x.at, x.worker_id, x.failure from windlass.attempt_error x
        where x.id = s.id order by x.no desc limit 1) e on true;
end $$;

-- Takes a job out of ready, by a caller that holds the queue's lock; answers whether it was there, and
-- the token of the settle that put it there.
create function windlass.take_ready(
  p_id uuid, out o_taken boolean, out o_worker bigint, out o_claim bigint
)
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare r record;
begin
  select x.ctid as c, x.* into r from windlass.ready x
    where x.max_id >= p_id and x.min_id <= p_id and p_id = any (x.ids) limit 1;
  o_taken := found;
  if not o_taken then
    return;
  end if;
  delete from windlass.ready x where x.ctid = r.c;
  if cardinality(r.ids) > 1 then
    insert into windlass.ready
      (queue_id, lane, xid, no, ids, min_id, max_id, available_at, put_off)
    values (r.queue_id, r.lane, r.xid, r.no, array_remove(r.ids, p_id), r.min_id, r.max_id,
      r.available_at, r.put_off);
  end if;
  o_worker := r.settled_worker;
  o_claim := r.settled_claim;
end $$;

-- Locks the queues of jobs against claims, in the order in which claims lock them.
create function windlass.lock_queues_of(p_ids uuid[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare v_queue integer;
begin
  for v_queue in
    select distinct j.queue_id from unnest(p_ids) u(id) join windlass.job j on j.id = u.id
      order by j.queue_id
  loop
    perform windlass.lock_queue(v_queue);
  end loop;
end $$;

-- Stops jobs. Of each: the number of the state in which it had ended, -1: unknown, -2: it waited
-- and is cancelled, -3: it runs, and its worker will be told.
create function windlass.cancel(p_now timestamptz, p_ids uuid[], p_reason text)
returns smallint[]
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_now timestamptz := coalesce(p_now, clock_timestamp());
  v_verdicts smallint[] := '{}'; v_verdict smallint;
  v_id uuid; s record; v_lease windlass.lease; v_settled_worker bigint; v_settled_claim bigint;
  v_queue integer; v_kind text; v_key text; v_taken boolean;
begin
  perform windlass.lock_queues_of(p_ids);
  foreach v_id in array p_ids loop
    loop
      select x.* into s from windlass.standing(array[v_id]) x;
      if not found then
        v_verdict := -1;
        exit;
      elsif s.state in (5, 6, 7) then
        v_verdict := s.state;
        exit;
      elsif s.state = 3 then
        -- A settle that is under way decides first.
        select l.* into v_lease from windlass.lease l
          where l.worker_id = s.worker_id and v_id between l.min_id and l.max_id
            and v_id = any (l.ids) and get_bit(l.open, array_position(l.ids, v_id) - 1) = 1
          for update;
        continue when not found;
        insert into windlass.cancel_request (id, at, reason, worker_id)
        values (v_id, v_now, p_reason, s.worker_id) on conflict (id) do nothing;
        v_verdict := -3;
        exit;
      end if;
      select j.queue_id, j.kind,
          case when j.opts -> 'unique' ->> 'policy' <> 'window' then j.opts -> 'unique' ->> 'key' end
        into v_queue, v_kind, v_key
        from windlass.job j where j.id = v_id;
      if s.state = 2 then
        -- It is held already, unless the job was accepted since the queues were locked.
        perform windlass.lock_queue(v_queue);
        select x.o_taken, x.o_worker, x.o_claim into v_taken, v_settled_worker, v_settled_claim
          from windlass.take_ready(v_id) x;
        -- It was claimed meanwhile.
        continue when not v_taken;
      else
        delete from windlass.scheduled x where x.id = v_id
          returning x.settled_worker, x.settled_claim into v_settled_worker, v_settled_claim;
        -- It was promoted meanwhile.
        continue when not found;
      end if;
      if v_key is not null then
        delete from windlass.unique_key k
          where k.queue_id = v_queue and k.kind = v_kind collate "C"
            and k.key = v_key collate "C" and k.holder = v_id and k.expires_at is null;
      end if;
      insert into windlass.cancel_request (id, at, reason) values (v_id, v_now, p_reason)
        on conflict (id) do nothing;
      insert into windlass.ended (id, queue_id, state, attempt, crashes, settled_worker,
        settled_claim, ended_at)
      values (v_id, v_queue, 6, s.attempt, s.crashes, v_settled_worker, v_settled_claim, v_now);
      insert into windlass.delta (queue_id, state, n)
      values (v_queue, s.state, -1), (v_queue, 6, 1);
      v_verdict := -2;
      exit;
    end loop;
    v_verdicts := v_verdicts || v_verdict;
  end loop;
  return v_verdicts;
end $$;

-- Makes jobs that wait for their time available. Of each: the number of its state, 2 when it is
-- available, since now or before; -1: unknown.
create function windlass.run_now(p_now timestamptz, p_ids uuid[]) returns smallint[]
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_now timestamptz := coalesce(p_now, clock_timestamp());
  v_verdicts smallint[] := '{}'; v_verdict smallint; v_id uuid; s record;
begin
  foreach v_id in array p_ids loop
    delete from windlass.scheduled x where x.id = v_id returning x.* into s;
    if found then
      perform windlass.make_available(v_id, s.queue_id, s.priority, v_now, true, s.attempt,
        s.crashes, s.settled_worker, s.settled_claim, null);
      insert into windlass.delta (queue_id, state, n)
      values (s.queue_id, case when s.is_retry then 4 else 1 end, -1), (s.queue_id, 2, 1);
      v_verdict := 2;
    else
      v_verdict := coalesce((select x.state from windlass.standing(array[v_id]) x), -1);
    end if;
    v_verdicts := v_verdicts || v_verdict;
  end loop;
  return v_verdicts;
end $$;

-- Makes new runs of dead letters. Of each: -1 unknown, -2 the holder of the unique key stands
-- against it, -3 the new run is there, -4 by an earlier call, -5 it was replayed as other_id, else
-- the number of the state that it is in instead of discarded.
create function windlass.replay(
  p_now timestamptz, p_dead uuid[], p_new uuid[], p_args bytea[], p_content_types text[],
  p_traceparents text[], p_tracestates text[]
) returns table (verdict smallint, other_id uuid, queue text)
language plpgsql set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  v_now timestamptz := coalesce(p_now, clock_timestamp());
  j record; s record; v_opts jsonb; v_key text;
begin
  for i in 1..cardinality(p_dead) loop
    if exists (select from unnest(p_dead, p_new) o(d, n) where n = p_new[i] and d <> p_dead[i]) then
      raise exception using errcode = 'WL002',
        message = format('new: %s is given to two dead letters', p_new[i]);
    end if;
    if exists (select from windlass.job b where b.id = p_new[i]
        and (b.opts ->> 'replay_of') is distinct from p_dead[i]::text
        and not windlass.is_forgotten(b.id)) then
      raise exception using errcode = 'WL002',
        message = format('new: %s is the id of another job', p_new[i]);
    end if;
  end loop;
  for i in 1..cardinality(p_dead) loop
    other_id := null;
    queue := null;
    -- Two replays of one dead letter take turns.
    perform from windlass.ended e where e.id = p_dead[i] for update;
    select x.* into s from windlass.standing(array[p_dead[i]]) x;
    if not found then
      verdict := -1;
    elsif s.state <> 7 then
      verdict := s.state;
    elsif s.replayed_as = p_new[i] then
      verdict := -4;
    elsif s.replayed_as is not null then
      verdict := -5;
      other_id := s.replayed_as;
    else
      select b.*, q.name into j from windlass.job b join windlass.queue q on q.id = b.queue_id
        where b.id = p_dead[i];
      v_opts := coalesce(j.opts, '{}') - 'replay_of'
        || jsonb_build_object('replay_of', p_dead[i]);
      if p_args[i] is not null then
        v_opts := v_opts - 'content_type';
        if p_content_types[i] is not null then
          v_opts := v_opts || jsonb_build_object('content_type', p_content_types[i]);
        end if;
      end if;
      if p_traceparents[i] is not null then
        v_opts := v_opts - 'tracestate' || jsonb_build_object('traceparent', p_traceparents[i]);
        if p_tracestates[i] is not null then
          v_opts := v_opts || jsonb_build_object('tracestate', p_tracestates[i]);
        end if;
      end if;
      -- The dead letter's own hold on its key passes on.
      v_key := v_opts -> 'unique' ->> 'key';
      if v_key is not null then
        delete from windlass.unique_key k
          where k.queue_id = j.queue_id and k.kind = j.kind collate "C"
            and k.key = v_key collate "C" and k.holder = p_dead[i];
      end if;
      select o_state, o_holder into verdict, other_id
        from windlass.accept_one(v_now, p_new[i], j.name, j.priority, j.max_attempts, null, null,
          j.kind, coalesce(p_args[i], j.args), v_opts);
      if verdict > 0 then
        update windlass.ended e set replayed_as = p_new[i] where e.id = p_dead[i];
        verdict := -3;
        queue := j.name;
      elsif verdict = -1 then
        verdict := -4;
      end if;
    end if;
    return next;
  end loop;
end $$;

-- Everything known about jobs: first what a list shows of them, but for the error, which is the last
-- of all. Volatile for the reason that held is.
create function windlass.details(p_ids uuid[])
returns table (
  id uuid, kind text, queue text, priority smallint, max_attempts smallint,
  accepted_at timestamptz, tags text[], replay_of uuid,
  state smallint, attempt smallint, crashes smallint, due_at timestamptz, claimed_at timestamptz,
  ended_at timestamptz, replayed_as uuid,
  args bytea, opts text, result bytea, worker_id bigint, progress bytea, cancel_at timestamptz,
  cancel_reason text, error_attempts smallint[], error_ats timestamptz[], error_workers bigint[],
  error_failures text[]
)
language plpgsql rows 10
set search_path = pg_catalog, pg_temp set jit = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
begin
  return query
  select j.id, j.kind, q.name, j.priority, j.max_attempts, j.accepted_at,
      case when j.opts ? 'tags'
        then array(select jsonb_array_elements_text(j.opts -> 'tags')) end,
      (j.opts ->> 'replay_of')::uuid,
      s.state, s.attempt, s.crashes,
      case when s.due_at = '-infinity' then j.accepted_at else s.due_at end,
      s.claimed_at, s.ended_at, s.replayed_as,
      j.args, j.opts::text, s.result, s.worker_id,
      (select p.body from windlass.progress p where p.id = s.id),
      c.at, c.reason, e.attempts, e.ats, e.workers, e.failures
    from windlass.standing(p_ids) s
    join windlass.job j on j.id = s.id
    join windlass.queue q on q.id = j.queue_id
    left join windlass.cancel_request c on c.id = s.id
    left join lateral (
      select array_agg(x.attempt order by x.no) as attempts, array_agg(x.at order by x.no) as ats,
          array_agg(x.worker_id order by x.no) as workers,
          array_agg(x.failure::text order by x.no) as failures
        from windlass.attempt_error x where x.id = s.id) e on true;
end $$;

-- Where jobs stand together: the batches that reach below an id, those with the newest ids first, at
-- most so many. Chunks of available jobs (p_state 2), of some queues or of all, or what was completed
-- in bulk (5).
create function windlass.batches(
  p_state integer, p_below uuid, p_limit integer, p_queues integer[]
) returns table (max_id uuid, ids uuid[])
language plpgsql stable rows 16
set search_path = pg_catalog, pg_temp set jit = off set enable_seqscan = off as $$
begin
  if p_state = 2 then
    return query select r.max_id, r.ids from windlass.ready r
      where r.min_id < p_below and (p_queues is null or r.queue_id = any (p_queues))
      order by r.max_id desc, r.min_id desc limit p_limit;
  else
    return query select f.max_id, f.ids from windlass.finished_batch f where f.min_id < p_below
      order by f.max_id desc, f.min_id desc limit p_limit;
  end if;
end $$;

-- The ids of jobs that stand together, newest first and below an id, at most so many. Batches
-- overlap, so a few are read and what lies below the first that was not is left for the next call:
-- answers fewer ids than asked then, but at least one unless the list has ended.
create function windlass.list_bulk(
  p_state integer, p_below uuid, p_limit integer, p_queues integer[] default null
) returns setof uuid
language plpgsql stable rows 100 set search_path = pg_catalog, pg_temp as $$
declare
  -- About a thousand ids.
  v_rows integer := case p_state when 2 then 16 else 4 end;
  v_floor uuid; v_found integer;
begin
  loop
    select b.max_id into v_floor
      from windlass.batches(p_state, p_below, v_rows + 1, p_queues) b offset v_rows;
    return query
    select u.id
      from windlass.batches(p_state, p_below, v_rows, p_queues) b cross join unnest(b.ids) u(id)
      where u.id < p_below and (v_floor is null or u.id > v_floor)
      order by u.id desc limit p_limit;
    get diagnostics v_found = row_count;
    exit when v_found > 0 or v_floor is null;
    v_rows := v_rows * 4;
  end loop;
end $$;

-- The ids of running jobs, as list_bulk.
create function windlass.list_running(p_below uuid, p_limit integer) returns setof uuid
language sql stable rows 100 set search_path = pg_catalog, pg_temp as $$
  select u.id from windlass.lease l cross join lateral unnest(l.ids) with ordinality u(id, o)
    where u.id < p_below and get_bit(l.open, u.o::integer - 1) = 1
    order by u.id desc limit p_limit
$$;

-- Since when the oldest available job of a queue has been: of each lane the first counts.
create function windlass.oldest_available(p_queue integer) returns timestamptz
language plpgsql stable
set search_path = pg_catalog, pg_temp set jit = off set enable_seqscan = off set enable_bitmapscan = off
set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan as $$
declare k record; v_oldest timestamptz;
begin
  select * into k from windlass.kept_marks(p_queue);
  select min(first.available_at) into v_oldest
    from unnest(k.o_marks) with ordinality m(mark, lane)
    cross join lateral (
      (select x.available_at from windlass.ready x
        where x.queue_id = p_queue and x.lane = m.lane - 1 and x.xid >= m.mark
        order by x.xid, x.no limit 1)
      union all
      (select t.available_at
        from unnest(k.o_stragglers) g(xid)
        cross join lateral (
          select x.available_at from windlass.ready x
            where x.queue_id = p_queue and x.lane = m.lane - 1 and x.xid = g.xid
            order by x.no limit 1) t
        where g.xid < m.mark)
    ) first;
  return v_oldest;
end $$;
