-- Workers' registrations, and what keeps jobs moving.

-- Renews a worker's lease and keeps the progress of its jobs. Answers the jobs that somebody wants
-- stopped.
create function windlass.heartbeat(
  p_now timestamptz, p_worker bigint, p_lease_us bigint,
  p_ids uuid[], p_claims bigint[], p_slots integer[], p_progress bytea[]
) returns table (job uuid, reason text)
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare v_now timestamptz := coalesce(p_now, clock_timestamp());
begin
  update windlass.worker w
    set beat_at = v_now, expires_at = v_now + p_lease_us * interval '1 microsecond'
    where w.id = p_worker and w.expires_at > v_now;
  if not found then
    raise exception using errcode = 'WL001', message = p_worker::text;
  end if;
  for i in 1..cardinality(p_ids) loop
    -- The lease is locked, so that no end of the attempt comes between.
    perform from windlass.lease l
      where l.worker_id = p_worker and l.claim = p_claims[i] and l.slot <= p_slots[i]
        and p_slots[i] < l.slot + length(l.open) and l.ids[p_slots[i] - l.slot + 1] = p_ids[i]
        and get_bit(l.open, p_slots[i] - l.slot) = 1
      for share;
    if found then
      insert into windlass.progress as p (id, body) values (p_ids[i], p_progress[i])
      on conflict (id) do update set body = excluded.body;
    end if;
  end loop;
  return query select * from windlass.cancels(p_worker);
end $$;

-- Which of a worker's running jobs somebody wants stopped, and why.
create function windlass.cancels(p_worker bigint) returns table (job uuid, reason text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select c.id, c.reason from windlass.cancel_request c
    where c.worker_id = p_worker and exists (
      select from windlass.lease l
        where l.worker_id = p_worker and c.id between l.min_id and l.max_id and c.id = any (l.ids)
          and get_bit(l.open, array_position(l.ids, c.id) - 1) = 1)
    order by c.id
$$;

-- Makes due jobs available, the longest due first. Answers how many, and when the next is due.
create function windlass.promote(
  p_now timestamptz, p_limit bigint, out o_count bigint, out o_next timestamptz,
  out o_now timestamptz, out o_queues text[]
)
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  o_now := coalesce(p_now, clock_timestamp());
  with due as (
    select s.id from windlass.scheduled s where s.run_at <= o_now
      order by s.run_at, s.id limit p_limit for update skip locked
  ), gone as (
    delete from windlass.scheduled s using due where s.id = due.id returning s.*
  ), placed as (
    select g.*, case when g.attempt is null then (row_number() over (
        partition by g.queue_id, g.priority, g.attempt is null order by g.run_at, g.id) - 1) / 64
      else null end as chunk,
      row_number() over (order by g.run_at, g.id) as turn
      from gone g
  ), chunks as (
    select p.queue_id, p.priority, array_agg(p.id order by p.turn) as ids, min(p.turn) as turn,
        null::smallint as attempt, null::smallint as crashes, null::bigint as settled_worker,
        null::bigint as settled_claim
      from placed p where p.attempt is null group by p.queue_id, p.priority, p.chunk
    union all
    select p.queue_id, p.priority, array[p.id], p.turn, p.attempt, p.crashes, p.settled_worker,
        p.settled_claim
      from placed p where p.attempt is not null
    order by 4
  ), made as (
    insert into windlass.ready (queue_id, lane, no, ids, min_id, max_id, available_at, put_off,
      attempt, crashes, settled_worker, settled_claim)
    select c.queue_id, 2 * c.priority + 1, nextval('windlass.place'), c.ids,
        windlass.least_id(c.ids), windlass.greatest_id(c.ids), o_now, true, c.attempt, c.crashes,
        c.settled_worker, c.settled_claim
      from chunks c
  ), told as (
    insert into windlass.delta (queue_id, state, n)
    select t.queue_id, t.state, sum(t.n) from (
      select queue_id, case when is_retry then 4 else 1 end as state, -1 as n from gone
      union all
      select queue_id, 2, 1 from gone
    ) t group by t.queue_id, t.state
  )
  select count(*), array(select q.name from windlass.queue q
      where q.id in (select g.queue_id from gone g))
    into o_count, o_queues from gone;
  select min(s.run_at) into o_next from windlass.scheduled s;
end $$;

-- Forgets all that hangs on jobs but their bodies and states.
create function windlass.forget_extras(p_ids uuid[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  delete from windlass.progress x where x.id = any (p_ids);
  delete from windlass.attempt_error x where x.id = any (p_ids);
  delete from windlass.cancel_request x where x.id = any (p_ids);
  delete from windlass.job_tag x
    using unnest(p_ids) u(id), windlass.job j, lateral jsonb_array_elements_text(j.opts -> 'tags') t
    where j.id = u.id and j.opts ? 'tags' and x.tag = t collate "C" and x.id = j.id;
  perform windlass.prune_receipts_of(p_ids);
end $$;

-- Forgets jobs that ended until these times, and what else has had its time. Bodies go later, with
-- their partition: without a place they are nobody's.
create function windlass.prune(
  p_now timestamptz, p_completed timestamptz, p_cancelled timestamptz, p_discarded timestamptz,
  p_loose timestamptz, p_limit bigint, out o_count bigint, out o_more boolean
)
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_now timestamptz := coalesce(p_now, clock_timestamp());
  v_take integer; f record; v_ids uuid[]; v_until timestamptz; v_state integer;
begin
  o_count := 0;
  for f in
    select x.ctid as c, x.queue_id, x.ids from windlass.finished_batch x
      where x.ended_at <= p_completed order by x.ended_at for update skip locked
  loop
    exit when o_count >= p_limit;
    v_take := least(cardinality(f.ids), p_limit - o_count);
    perform windlass.forget_extras(f.ids[1:v_take]);
    if v_take = cardinality(f.ids) then
      delete from windlass.finished_batch x where x.ctid = f.c;
    else
      update windlass.finished_batch x set ids = f.ids[v_take + 1:] where x.ctid = f.c;
    end if;
    perform windlass.counted(f.queue_id, 5, -v_take);
    o_count := o_count + v_take;
  end loop;
  foreach v_state in array array[5, 6, 7] loop
    exit when o_count >= p_limit;
    v_until := case v_state when 5 then p_completed when 6 then p_cancelled else p_discarded end;
    with old as (
      select e.id from windlass.ended e where e.state = v_state and e.ended_at <= v_until
        order by e.ended_at limit p_limit - o_count for update skip locked
    ), gone as (
      delete from windlass.ended e using old where e.id = old.id returning e.id, e.queue_id
    ), told as (
      insert into windlass.delta (queue_id, state, n)
      select g.queue_id, v_state, -count(*) from gone g group by g.queue_id
    )
    select array_agg(g.id) into v_ids from gone g;
    if v_ids is not null then
      perform windlass.forget_extras(v_ids);
      o_count := o_count + cardinality(v_ids);
    end if;
  end loop;
  delete from windlass.unique_key k where (k.queue_id, k.kind, k.key) in (
    select x.queue_id, x.kind, x.key from windlass.unique_key x where x.expires_at <= v_now
      order by x.expires_at limit p_limit for update skip locked);
  o_more := windlass.prune_beside(p_loose, p_limit)
    or exists (select from windlass.finished_batch x where x.ended_at <= p_completed)
    or exists (select from windlass.ended e where e.state = 5 and e.ended_at <= p_completed)
    or exists (select from windlass.ended e where e.state = 6 and e.ended_at <= p_cancelled)
    or exists (select from windlass.ended e where e.state = 7 and e.ended_at <= p_discarded)
    or exists (select from windlass.unique_key k where k.expires_at <= v_now);
end $$;

-- What was counted since it was added up last. In another cluster, to which the tables were copied, the
-- numbers of transactions may lie below the mark.
create function windlass.unfolded()
returns table (queue_id integer, state smallint, n integer)
language plpgsql stable rows 1000
set search_path = pg_catalog, pg_temp set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
declare v_mark xid8; v_stragglers xid8[];
begin
  select case when f.mark <= pg_snapshot_xmax(pg_current_snapshot()) then f.mark else '0' end,
      f.stragglers
    into v_mark, v_stragglers from windlass.folded f;
  return query
  select d.queue_id, d.state, d.n from windlass.delta d where d.xid >= v_mark
  union all
  select d.queue_id, d.state, d.n from windlass.delta d
    where d.xid = any (v_stragglers) and d.xid < v_mark;
end $$;

-- Adds up what was counted. One at a time; whoever comes second has nothing to do. What is committed
-- behind the mark later was under way when the snapshot was taken: it is a straggler.
create function windlass.fold() returns void
language plpgsql
set search_path = pg_catalog, pg_temp set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
declare v_mark xid8; v_stragglers xid8[]; v_snap pg_snapshot;
begin
  if not pg_try_advisory_xact_lock(1463897700, 0) then
    return;
  end if;
  v_snap := pg_current_snapshot();
  select case when f.mark <= pg_snapshot_xmax(v_snap) then f.mark else '0' end, f.stragglers
    into v_mark, v_stragglers from windlass.folded f;
  with d as (
    delete from windlass.delta x where x.xid >= v_mark returning x.queue_id, x.state, x.n
  ), late as (
    delete from windlass.delta x where x.xid = any (v_stragglers) and x.xid < v_mark
    returning x.queue_id, x.state, x.n
  )
  insert into windlass.counter as c (queue_id, state, n)
  select a.queue_id, a.state, sum(a.n) from (select * from d union all select * from late) a
    group by a.queue_id, a.state
  on conflict (queue_id, state) do update set n = c.n + excluded.n;
  update windlass.folded set mark = pg_snapshot_xmax(v_snap),
    stragglers = array(select pg_snapshot_xip(v_snap));
end $$;
