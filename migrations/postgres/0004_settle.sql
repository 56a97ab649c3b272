-- Ends of attempts, and taking jobs back from workers.

create type windlass.hold as (
  id uuid, queue_id integer, worker_id bigint, claim bigint, claimed_at timestamptz,
  -- Attempts counted before this one; crashes.
  attempt smallint, crashes smallint,
  -- Where it stood.
  lane smallint, no bigint, available_at timestamptz,
  -- Of its body.
  priority smallint, kind text, accepted_at timestamptz, unique_key text
);

-- Takes the job at a position of a lease, which the caller has locked, out of it.
create function windlass.take_out(p_lease windlass.lease, p_at integer) returns windlass.hold
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_hold windlass.hold; v_open varbit; v_before integer := 0; v_chunk integer := 1;
begin
  v_hold.id := p_lease.ids[p_at + 1];
  v_hold.queue_id := p_lease.queue_id;
  v_hold.worker_id := p_lease.worker_id;
  v_hold.claim := p_lease.claim;
  v_hold.claimed_at := p_lease.claimed_at;
  v_hold.attempt := coalesce(p_lease.attempt, 0);
  v_hold.crashes := coalesce(p_lease.crashes, 0);
  while v_before + p_lease.lens[v_chunk] <= p_at loop
    v_before := v_before + p_lease.lens[v_chunk];
    v_chunk := v_chunk + 1;
  end loop;
  v_hold.lane := p_lease.lanes[v_chunk];
  v_hold.no := p_lease.nos[v_chunk] + p_at - v_before;
  select j.priority, j.kind, j.accepted_at,
      case when j.opts -> 'unique' ->> 'policy' <> 'window' then j.opts -> 'unique' ->> 'key' end
    into v_hold.priority, v_hold.kind, v_hold.accepted_at, v_hold.unique_key
    from windlass.job j where j.id = v_hold.id;
  v_hold.available_at := coalesce(p_lease.available_at, v_hold.accepted_at);
  v_open := set_bit(p_lease.open, p_at, 0);
  if bit_count(v_open) = 0 then
    delete from windlass.lease l
      where l.worker_id = p_lease.worker_id and l.claim = p_lease.claim and l.slot = p_lease.slot
        and l.lone = p_lease.lone;
  else
    update windlass.lease l set open = v_open
      where l.worker_id = p_lease.worker_id and l.claim = p_lease.claim and l.slot = p_lease.slot
        and l.lone = p_lease.lone;
  end if;
  return v_hold;
end $$;

-- Takes out the job that a token names; null when the token is not held.
create function windlass.take_out_by_token(p_worker bigint, p_claim bigint, p_slot integer, p_id uuid)
returns windlass.hold
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare v_lease windlass.lease; v_at integer;
begin
  select * into v_lease from windlass.lease l
    where l.worker_id = p_worker and l.claim = p_claim and l.slot <= p_slot
      and p_slot < l.slot + length(l.open)
    order by l.slot desc limit 1
    for update;
  v_at := p_slot - v_lease.slot;
  if not found or v_lease.ids[v_at + 1] is distinct from p_id or get_bit(v_lease.open, v_at) = 0 then
    return null;
  end if;
  return windlass.take_out(v_lease, v_at);
end $$;

-- What becomes of a job that was taken out. Each counts it out of running and into what follows.

create function windlass.put_end(
  p_hold windlass.hold, p_now timestamptz, p_state smallint, p_attempt integer, p_crashes integer,
  p_result bytea, p_settled boolean
) returns smallint
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if p_hold.unique_key is not null then
    delete from windlass.unique_key k
      where k.queue_id = p_hold.queue_id and k.kind = p_hold.kind collate "C"
        and k.key = p_hold.unique_key collate "C" and k.holder = p_hold.id
        and k.expires_at is null;
  end if;
  insert into windlass.ended (id, queue_id, state, attempt, crashes, settled_worker, settled_claim,
    claimed_at, ended_at, result)
  values (p_hold.id, p_hold.queue_id, p_state, p_attempt, p_crashes,
    case when p_settled then p_hold.worker_id end, case when p_settled then p_hold.claim end,
    p_hold.claimed_at, p_now, p_result);
  insert into windlass.delta (queue_id, state, n)
  values (p_hold.queue_id, 3, -1), (p_hold.queue_id, p_state, 1);
  return p_state;
end $$;

-- Due later, or at once and behind all others when there is no wait.
create function windlass.put_off(
  p_hold windlass.hold, p_now timestamptz, p_wait_us bigint, p_is_retry boolean, p_attempt integer
) returns smallint
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare v_state smallint;
begin
  if p_wait_us > 0 then
    v_state := case when p_is_retry then 4 else 1 end;
    insert into windlass.scheduled (id, queue_id, priority, run_at, is_retry, attempt, crashes,
      settled_worker, settled_claim)
    values (p_hold.id, p_hold.queue_id, p_hold.priority,
      p_now + p_wait_us * interval '1 microsecond', p_is_retry, p_attempt, p_hold.crashes,
      p_hold.worker_id, p_hold.claim);
  else
    v_state := 2;
    perform windlass.make_available(p_hold.id, p_hold.queue_id, p_hold.priority, p_now, true,
      p_attempt::smallint, p_hold.crashes, p_hold.worker_id, p_hold.claim, null);
  end if;
  insert into windlass.delta (queue_id, state, n)
  values (p_hold.queue_id, 3, -1), (p_hold.queue_id, v_state, 1);
  return v_state;
end $$;

-- Handed back: available, where it stood and since when it was.
create function windlass.put_back(p_hold windlass.hold, p_settled boolean) returns smallint
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform windlass.make_available(p_hold.id, p_hold.queue_id, p_hold.priority, p_hold.available_at,
    p_hold.available_at <> p_hold.accepted_at, p_hold.attempt, p_hold.crashes,
    case when p_settled then p_hold.worker_id end, case when p_settled then p_hold.claim end,
    p_hold.no);
  insert into windlass.delta (queue_id, state, n)
  values (p_hold.queue_id, 3, -1), (p_hold.queue_id, 2, 1);
  return 2;
end $$;

create function windlass.keep_error(
  p_id uuid, p_attempt integer, p_now timestamptz, p_worker bigint, p_failure json
) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare v_no integer;
begin
  select coalesce(max(e.no), 0) + 1 into v_no from windlass.attempt_error e where e.id = p_id;
  insert into windlass.attempt_error (id, no, attempt, at, worker_id, failure)
  values (p_id, v_no, p_attempt, p_now, p_worker, p_failure);
  if v_no > 50 then
    delete from windlass.attempt_error e where e.id = p_id and e.no <= v_no - 50;
  end if;
end $$;

-- Whether an earlier settle with this token was kept for this job.
create function windlass.was_settled(p_worker bigint, p_claim bigint, p_id uuid) returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
  select exists (select from windlass.ended e
      where e.id = p_id and e.settled_worker = p_worker and e.settled_claim = p_claim)
    or exists (select from windlass.scheduled s
      where s.id = p_id and s.settled_worker = p_worker and s.settled_claim = p_claim)
    or exists (select from windlass.finished_batch f
      where f.max_id >= p_id and f.min_id <= p_id and f.worker_id = p_worker and f.claim = p_claim
        and p_id = any (f.ids))
    or exists (select from windlass.ready r
      where r.max_id >= p_id and r.min_id <= p_id and r.settled_worker = p_worker
        and r.settled_claim = p_claim and p_id = any (r.ids))
$$;

-- Ends attempts one by one. Endings: 0 complete, 1 retry, 2 snooze, 3 cancel, 4 discard,
-- 5 release. Answers the number of the state, -1: fenced, -2: an earlier call kept it.
create function windlass.settle_each(
  p_now timestamptz, p_workers bigint[], p_claims bigint[], p_slots integer[], p_ids uuid[],
  p_endings smallint[], p_waits_us bigint[], p_failures text[], p_results bytea[],
  p_progress bytea[]
) returns smallint[]
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_now timestamptz := coalesce(p_now, clock_timestamp());
  v_verdicts smallint[] := '{}'; v_verdict smallint;
  h windlass.hold; v_ending smallint; v_counts integer; v_unwanted boolean;
begin
  for i in 1..cardinality(p_ids) loop
    h := windlass.take_out_by_token(p_workers[i], p_claims[i], p_slots[i], p_ids[i]);
    if h.id is null then
      v_verdict := case when windlass.was_settled(p_workers[i], p_claims[i], p_ids[i])
        then -2 else -1 end;
    else
      v_ending := p_endings[i];
      if p_progress[i] is not null then
        insert into windlass.progress as p (id, body) values (h.id, p_progress[i])
        on conflict (id) do update set body = excluded.body;
      end if;
      if p_failures[i] is not null then
        perform windlass.keep_error(h.id, h.attempt + 1, v_now, h.worker_id, p_failures[i]::json);
      end if;
      -- Snoozes and hand-backs do not count the attempt.
      v_counts := case when v_ending in (2, 5) then 0 else 1 end;
      v_unwanted := v_ending in (1, 2, 5)
        and exists (select from windlass.cancel_request c where c.id = h.id);
      v_verdict := case
        when v_unwanted
          then windlass.put_end(h, v_now, 6::smallint, h.attempt + v_counts, h.crashes, null, true)
        when v_ending = 0
          then windlass.put_end(h, v_now, 5::smallint, h.attempt + 1, h.crashes, p_results[i], true)
        when v_ending = 3
          then windlass.put_end(h, v_now, 6::smallint, h.attempt + 1, h.crashes, null, true)
        when v_ending = 4
          then windlass.put_end(h, v_now, 7::smallint, h.attempt + 1, h.crashes, null, true)
        when v_ending = 5
          then windlass.put_back(h, true)
        else windlass.put_off(h, v_now, p_waits_us[i], v_ending = 1, h.attempt + v_counts)
      end;
    end if;
    v_verdicts := v_verdicts || v_verdict;
  end loop;
  return v_verdicts;
end $$;

-- Completes jobs that have no result, in groups of one claim whose slots rise. Answers as
-- settle_each does; null: all were kept.
create function windlass.settle_completed(
  p_now timestamptz, p_sizes integer[], p_workers bigint[], p_claims bigint[],
  p_least uuid[], p_greatest uuid[], p_slots integer[], p_ids uuid[]
) returns smallint[]
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_now timestamptz := coalesce(p_now, clock_timestamp());
  v_verdicts smallint[]; v_all boolean := true;
  v_slots integer[] := p_slots; v_ids uuid[] := p_ids;
  v_from integer := 1; v_to integer; v_size integer; v_kept integer;
  l record; v_held uuid[]; v_open varbit; v_at integer; v_first integer; v_count integer;
  v_done uuid[]; v_places integer[];
begin
  for g in 1..cardinality(p_sizes) loop
    v_size := p_sizes[g];
    v_to := v_from + v_size - 1;
    if cardinality(p_sizes) > 1 then
      v_slots := p_slots[v_from:v_to]; v_ids := p_ids[v_from:v_to];
    end if;
    v_kept := 0;
    v_places := '{}';
    for l in
      select x.ctid as c, x.slot, x.queue_id, x.claimed_at, x.ids, x.open from windlass.lease x
        where x.worker_id = p_workers[g] and x.claim = p_claims[g] and not x.lone
          and x.slot <= v_slots[v_size] and x.slot + length(x.open) > v_slots[1]
        order by x.slot for update
    loop
      v_open := l.open;
      -- A copy, for the row's own is unpacked anew at each look.
      v_held := l.ids;
      v_done := null;
      -- When no slot is missing between the first and the last, those of this lease are settled at
      -- once: from which on, counted from 1 in the lease and in the group, and how many.
      v_at := greatest(v_slots[1], l.slot);
      v_count := least(v_slots[v_size] + 1, l.slot + length(v_open)) - v_at;
      v_first := v_at - v_slots[1] + 1;
      v_at := v_at - l.slot + 1;
      if v_slots[v_size] - v_slots[1] = v_size - 1
          and bit_count(substring(v_open from v_at for v_count)) = v_count
          and v_held[v_at:v_at + v_count - 1] = v_ids[v_first:v_first + v_count - 1] then
        v_done := v_held[v_at:v_at + v_count - 1];
        v_open := overlay(v_open placing repeat('0', v_count)::varbit from v_at);
        if v_count < v_size then
          v_places := v_places || array(select generate_series(v_first, v_first + v_count - 1));
        end if;
      else
        v_done := '{}';
        for i in 1..v_size loop
          v_at := v_slots[i] - l.slot;
          if v_at >= 0 and v_at < length(v_open) and get_bit(v_open, v_at) = 1
              and v_held[v_at + 1] = v_ids[i] then
            v_open := set_bit(v_open, v_at, 0);
            v_done := array_append(v_done, v_ids[i]);
            v_places := array_append(v_places, i);
          end if;
        end loop;
      end if;
      v_count := cardinality(v_done);
      continue when v_count = 0;
      v_kept := v_kept + v_count;
      if bit_count(v_open) = 0 then
        delete from windlass.lease x where x.ctid = l.c;
      else
        update windlass.lease x set open = v_open where x.ctid = l.c;
      end if;
      insert into windlass.finished_batch
        (queue_id, worker_id, claim, claimed_at, ended_at, min_id, max_id, ids)
      values (l.queue_id, p_workers[g], p_claims[g], l.claimed_at, v_now, p_least[g],
        p_greatest[g], v_done);
      insert into windlass.delta (queue_id, state, n)
      values (l.queue_id, 3, -v_count), (l.queue_id, 5, v_count);
    end loop;
    if v_kept < v_size then
      -- Singles, repetitions and stale tokens are judged one by one.
      v_verdicts := coalesce(v_verdicts, array_fill(null::smallint, array[cardinality(p_ids)]));
      foreach v_at in array v_places loop
        v_verdicts[v_from + v_at - 1] := 5;
      end loop;
      for i in 1..v_size loop
        continue when v_verdicts[v_from + i - 1] is not null;
        v_verdicts[v_from + i - 1] := (windlass.settle_each(v_now, array[p_workers[g]],
          array[p_claims[g]], array[v_slots[i]], array[v_ids[i]], array[0::smallint],
          array[0::bigint], array[null::text], array[null::bytea], array[null::bytea]))[1];
        v_all := v_all and v_verdicts[v_from + i - 1] = 5;
      end loop;
    end if;
    v_from := v_to + 1;
  end loop;
  return case when not v_all then v_verdicts end;
end $$;

-- Hands back whatever a worker holds and ends its registration; answers how many jobs that were.
create function windlass.leave(p_now timestamptz, p_worker bigint) returns bigint
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_now timestamptz := coalesce(p_now, clock_timestamp());
  v_lease windlass.lease; h windlass.hold; v_count bigint := 0;
  v_claim bigint := 0; v_slot integer := 0;
begin
  perform pg_advisory_xact_lock(1463897687, (p_worker % 2147483647)::integer);
  loop
    -- From the last on, not past all that the worker ever held and that could not be cleaned yet.
    select * into v_lease from windlass.lease l
      where l.worker_id = p_worker and (l.claim, l.slot) >= (v_claim, v_slot)
      order by l.claim, l.slot limit 1 for update;
    exit when not found;
    v_claim := v_lease.claim;
    v_slot := v_lease.slot;
    h := windlass.take_out(v_lease, position(B'1' in v_lease.open) - 1);
    if exists (select from windlass.cancel_request c where c.id = h.id) then
      perform windlass.put_end(h, v_now, 6::smallint, h.attempt, h.crashes, null, false);
    else
      perform windlass.put_back(h, false);
    end if;
    v_count := v_count + 1;
  end loop;
  delete from windlass.worker w where w.id = p_worker;
  return v_count;
end $$;

-- Takes jobs back from workers whose lease has expired. Of each job: 2 available again,
-- 6 cancelled, 7 discarded; of each worker whose registration ended: 0.
create function windlass.rescue(
  p_now timestamptz, p_max_crashes bigint, p_limit bigint, p_failure text
) returns table (worker bigint, job uuid, became smallint)
language plpgsql set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  v_now timestamptz := coalesce(p_now, clock_timestamp());
  v_room bigint := p_limit; v_worker bigint;
  v_lease windlass.lease; h windlass.hold; v_claim bigint; v_slot integer;
begin
  <<workers>>
  for v_worker in select w.id from windlass.worker w where w.expires_at <= v_now order by w.id loop
    -- A claim of this worker that is under way ends first.
    perform pg_advisory_xact_lock(1463897687, (v_worker % 2147483647)::integer);
    -- It may have been heard of meanwhile, or rescued by somebody else.
    perform from windlass.worker w where w.id = v_worker and w.expires_at <= v_now for update;
    continue when not found;
    worker := v_worker;
    v_claim := 0;
    v_slot := 0;
    loop
      -- As in leave.
      select * into v_lease from windlass.lease l
        where l.worker_id = v_worker and (l.claim, l.slot) >= (v_claim, v_slot)
        order by l.claim, l.slot limit 1 for update;
      exit when not found;
      v_claim := v_lease.claim;
      v_slot := v_lease.slot;
      -- Nothing is left of the worker only when all it held was taken.
      continue workers when v_room <= 0;
      h := windlass.take_out(v_lease, position(B'1' in v_lease.open) - 1);
      perform windlass.keep_error(h.id, h.attempt + 1, v_now, h.worker_id, p_failure::json);
      h.crashes := h.crashes + 1;
      job := h.id;
      if exists (select from windlass.cancel_request c where c.id = h.id) then
        became := windlass.put_end(h, v_now, 6::smallint, h.attempt, h.crashes, null, false);
      elsif h.crashes >= p_max_crashes then
        became := windlass.put_end(h, v_now, 7::smallint, h.attempt, h.crashes, null, false);
      else
        became := 2;
        perform windlass.make_available(h.id, h.queue_id, h.priority, v_now, true, h.attempt,
          h.crashes, null, null, null);
        insert into windlass.delta (queue_id, state, n) values (h.queue_id, 3, -1), (h.queue_id, 2, 1);
      end if;
      v_room := v_room - 1;
      return next;
    end loop;
    delete from windlass.worker w where w.id = v_worker;
    job := null;
    became := 0;
    return next;
  end loop;
end $$;
