-- Accepting jobs.

-- The number of a queue, which is known from now on. Whoever uses a new name holds it to the end of
-- the transaction, which may be a caller's and long; null when one is not to wait for that.
create function windlass.known_queue(p_name text, p_waits boolean default true) returns integer
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare v_id integer;
begin
  select id into v_id from windlass.queue where name = p_name collate "C";
  if found then return v_id; end if;
  if p_waits then
    perform pg_advisory_xact_lock(1463897710, hashtext(p_name));
  elsif not pg_try_advisory_xact_lock(1463897710, hashtext(p_name)) then
    return null;
  end if;
  insert into windlass.queue (name) values (p_name) on conflict (name) do nothing
    returning id into v_id;
  if v_id is null then
    -- Somebody else made it known meanwhile.
    select id into v_id from windlass.queue where name = p_name collate "C";
  end if;
  return v_id;
end $$;

-- The least and the greatest id of a few.
create function windlass.least_id(p_ids uuid[]) returns uuid
language sql immutable parallel safe as 'select x from unnest(p_ids) x order by x limit 1';
create function windlass.greatest_id(p_ids uuid[]) returns uuid
language sql immutable parallel safe as 'select x from unnest(p_ids) x order by x desc limit 1';

-- Counts jobs into or out of a state.
create function windlass.counted(p_queue integer, p_state integer, p_n bigint) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if p_n <> 0 then
    insert into windlass.delta (queue_id, state, n) values (p_queue, p_state, p_n);
  end if;
end $$;

-- Accepts jobs without unique keys, in groups that share queue, priority, limit and due time. Of
-- each group answers the state its jobs are in: 1 scheduled, 2 available. Fails as a whole
-- (unique_violation) when one of the ids is known already; then accept_each is the one to ask.
create function windlass.accept_groups(
  p_now timestamptz,
  p_sizes integer[], p_queues text[], p_priorities smallint[], p_max_attempts smallint[],
  p_run_at timestamptz[], p_delay_us bigint[], p_least uuid[], p_greatest uuid[],
  p_ids uuid[], p_kinds text[], p_args bytea[], p_opts text[], p_tagged boolean
) returns smallint[]
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_now timestamptz := coalesce(p_now, clock_timestamp());
  v_states smallint[] := '{}';
  v_queue integer; v_run_at timestamptz; v_state smallint;
  v_ids uuid[] := p_ids; v_kinds text[] := p_kinds; v_args bytea[] := p_args; v_opts text[] := p_opts;
  v_from integer := 1; v_to integer; n integer;
begin
  for g in 1..cardinality(p_sizes) loop
    n := p_sizes[g];
    v_to := v_from + n - 1;
    if cardinality(p_sizes) > 1 then
      v_ids := p_ids[v_from:v_to]; v_kinds := p_kinds[v_from:v_to];
      v_args := p_args[v_from:v_to]; v_opts := p_opts[v_from:v_to];
    end if;
    v_queue := windlass.known_queue(p_queues[g]);
    if v_opts is null then
      insert into windlass.job (id, accepted_at, queue_id, priority, max_attempts, kind, args)
      select i, v_now, v_queue, p_priorities[g], p_max_attempts[g], k, a
        from unnest(v_ids, v_kinds, v_args) t(i, k, a);
    else
      insert into windlass.job (id, accepted_at, queue_id, priority, max_attempts, kind, args, opts)
      select i, v_now, v_queue, p_priorities[g], p_max_attempts[g], k, a, o::jsonb
        from unnest(v_ids, v_kinds, v_args, v_opts) t(i, k, a, o);
      if p_tagged then
        insert into windlass.job_tag (tag, id)
        select distinct tag, i from unnest(v_ids, v_opts) t(i, o),
          lateral jsonb_array_elements_text(o::jsonb -> 'tags') tag;
      end if;
    end if;
    v_run_at := coalesce(p_run_at[g], v_now + p_delay_us[g] * interval '1 microsecond');
    if v_run_at > v_now then
      v_state := 1;
      insert into windlass.scheduled (id, queue_id, priority, run_at, is_retry)
      select i, v_queue, p_priorities[g], v_run_at, false from unnest(v_ids) i;
    else
      v_state := 2;
      insert into windlass.ready
        (queue_id, lane, no, ids, min_id, max_id, available_at, put_off)
      select v_queue, 2 * p_priorities[g] + 1, nextval('windlass.place'),
          v_ids[i:least(i + 63, n)], coalesce(p_least[g], v_ids[i]),
          coalesce(p_greatest[g], v_ids[least(i + 63, n)]), v_now, false
        from generate_series(1, n, 64) i;
    end if;
    perform windlass.counted(v_queue, v_state, n);
    v_states := v_states || v_state;
    v_from := v_to + 1;
  end loop;
  return v_states;
end $$;

-- Makes one job available that is single: behind all others, or in front at its old place.
create function windlass.make_available(
  p_id uuid, p_queue integer, p_priority smallint, p_available_at timestamptz, p_put_off boolean,
  p_attempt smallint, p_crashes smallint, p_worker bigint, p_claim bigint, p_front bigint
) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if p_front is null then
    insert into windlass.ready (queue_id, lane, no, ids, min_id, max_id, available_at, put_off,
      attempt, crashes, settled_worker, settled_claim)
    values (p_queue, 2 * p_priority + 1, nextval('windlass.place'), array[p_id], p_id, p_id,
      p_available_at, p_put_off, p_attempt, p_crashes, p_worker, p_claim);
  else
    insert into windlass.ready (queue_id, lane, xid, no, ids, min_id, max_id, available_at, put_off,
      attempt, crashes, settled_worker, settled_claim)
    values (p_queue, 2 * p_priority, '0', p_front, array[p_id], p_id, p_id,
      p_available_at, p_put_off, p_attempt, p_crashes, p_worker, p_claim);
  end if;
end $$;

-- Whether a job waits or runs. Looks at nothing that grows with the jobs that ended.
create function windlass.goes_on(p_id uuid) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp set jit = off set enable_seqscan = off as $$
begin
  return exists (select from windlass.scheduled s where s.id = p_id)
    or exists (select from windlass.lease l
      where p_id between l.min_id and l.max_id and p_id = any (l.ids)
        and get_bit(l.open, array_position(l.ids, p_id) - 1) = 1)
    or exists (select from windlass.ready r
      where r.max_id >= p_id and r.min_id <= p_id and p_id = any (r.ids));
end $$;

-- Whether a job's body is all that is left of it.
create function windlass.is_forgotten(p_id uuid) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp set jit = off set enable_seqscan = off as $$
begin
  return not exists (select from windlass.ended e where e.id = p_id)
    and not windlass.goes_on(p_id)
    and not exists (select from windlass.finished_batch f
      where f.max_id >= p_id and f.min_id <= p_id and p_id = any (f.ids));
end $$;

-- Accepts one job, whatever it is. Answers the number of its state, or -1: a job with this id is
-- known already, or -2: another job holds the unique key. Lost races are run again here, for the
-- transaction may be the caller's and hold more than this; a caller that looks with an old snapshot
-- (repeatable read, serializable) is told to begin anew.
create function windlass.accept_one(
  p_now timestamptz, p_id uuid, p_queue text, p_priority smallint, p_max_attempts smallint,
  p_run_at timestamptz, p_delay_us bigint, p_kind text, p_args bytea, p_opts jsonb,
  out o_state smallint, out o_holder uuid
)
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_now timestamptz := coalesce(p_now, clock_timestamp());
  v_run_at timestamptz := coalesce(p_run_at, v_now + p_delay_us * interval '1 microsecond');
  v_unique jsonb := p_opts -> 'unique';
  v_key text := v_unique ->> 'key';
  v_single boolean := coalesce(v_unique ->> 'policy', 'window') <> 'window';
  v_queue integer; v_races integer := 0;
begin
  <<again>>
  loop
    if v_races > 8 or v_races > 0 and current_setting('transaction_isolation') <> 'read committed' then
      raise serialization_failure;
    end if;
    v_races := v_races + 1;
    if exists (select from windlass.job where id = p_id) then
      if not windlass.is_forgotten(p_id) then
        o_state := -1;
        return;
      end if;
      delete from windlass.job where id = p_id;
    end if;
    if v_key is not null then
      -- A job that is refused must not make its queue known.
      select k.holder into o_holder
        from windlass.unique_key k join windlass.queue q on q.id = k.queue_id
        where q.name = p_queue collate "C" and k.kind = p_kind collate "C"
          and k.key = v_key collate "C" and (k.expires_at is null or k.expires_at > v_now);
      if found then
        o_state := -2;
        return;
      end if;
    end if;
    v_queue := windlass.known_queue(p_queue);
    insert into windlass.job
      (id, accepted_at, queue_id, priority, max_attempts, kind, args, opts)
    values (p_id, v_now, v_queue, p_priority, p_max_attempts, p_kind, p_args, p_opts)
    on conflict do nothing;
    -- Else it was accepted meanwhile by another call.
    continue again when not found;
    exit when v_key is null;
    insert into windlass.unique_key as k (queue_id, kind, key, holder, expires_at)
    values (v_queue, p_kind, v_key, p_id,
      v_now + ((v_unique ->> 'window_ns')::bigint / 1000) * interval '1 microsecond')
    on conflict (queue_id, kind, key) do update
      set holder = excluded.holder, expires_at = excluded.expires_at
      where k.expires_at <= v_now;
    exit when found;
    -- Somebody else took the key between the look and now.
    delete from windlass.job where id = p_id;
  end loop;
  if p_opts ? 'tags' then
    insert into windlass.job_tag (tag, id)
    select distinct tag, p_id from jsonb_array_elements_text(p_opts -> 'tags') tag;
  end if;
  if v_run_at > v_now then
    o_state := 1;
    insert into windlass.scheduled (id, queue_id, priority, run_at, is_retry, attempt, crashes)
    values (p_id, v_queue, p_priority, v_run_at, false,
      case when v_single then 0 end, case when v_single then 0 end);
  else
    o_state := 2;
    if v_single then
      perform windlass.make_available(p_id, v_queue, p_priority, v_now, false, 0::smallint,
        0::smallint, null, null, null);
    else
      perform windlass.make_available(p_id, v_queue, p_priority, v_now, false, null, null, null,
        null, null);
    end if;
  end if;
  perform windlass.counted(v_queue, o_state, 1);
end $$;

-- Accepts jobs one by one; see accept_one.
create function windlass.accept_each(
  p_now timestamptz, p_ids uuid[], p_queues text[], p_priorities smallint[],
  p_max_attempts smallint[], p_run_at timestamptz[], p_delay_us bigint[], p_kinds text[],
  p_args bytea[], p_opts text[]
) returns table (state smallint, holder uuid)
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare v_now timestamptz := coalesce(p_now, clock_timestamp());
begin
  for i in 1..cardinality(p_ids) loop
    select o_state, o_holder into state, holder
      from windlass.accept_one(v_now, p_ids[i], p_queues[i], p_priorities[i], p_max_attempts[i],
        p_run_at[i], p_delay_us[i], p_kinds[i], p_args[i], p_opts[i]::jsonb);
    return next;
  end loop;
end $$;
