-- Schedules, their ticks, and who leads.
--
-- Texts that people or programs make up are kept as bytes in UTF-8: text refuses a NUL.

-- Definitions. Whoever changes a schedule or records a tick of it holds the lock on its row.
create table windlass.schedule (
  -- Eight bytes, because every put takes a number, also that of a schedule which is known.
  id bigint generated always as identity primary key,
  name text collate "C" not null unique,
  -- Text that only the scheduler reads.
  definition bytea not null,
  -- Ticks up to here were judged.
  cursor_at timestamptz not null,
  -- Since when it is paused; null: it is not.
  paused_at timestamptz,
  -- When the definition last changed.
  updated_at timestamptz not null
);

-- What became of each tick. The key makes a tick happen once, however many schedulers try.
create table windlass.tick (
  schedule_id bigint not null,
  at timestamptz not null,
  -- 1 fired, 2 held, 3 skipped.
  status smallint not null,
  -- Fired: the id of its job, or of the holder of the unique key that stood against it.
  job uuid,
  -- Skipped: why.
  reason bytea,
  recorded_at timestamptz not null,
  primary key (schedule_id, at)
);

-- What the next tick is judged by, found without a look at the ticks between.
create index tick_fired on windlass.tick (schedule_id, at) where status = 1;
create index tick_held on windlass.tick (schedule_id, at) where status = 2;

-- Who leads what, or led it last: the row stays, so that terms only grow. Roles are words of the
-- program's; candidates are named by settings and hosts, which hold no NUL.
create table windlass.leader (
  role text collate "C" primary key,
  -- Null: whoever led has resigned.
  candidate text collate "C",
  -- Counts changes of leader up.
  term bigint not null,
  expires_at timestamptz not null
) with (fillfactor = 50);

-- Schedules with what their next tick is judged by: the newest that fired, and those that are
-- held, oldest first.
create view windlass.schedule_record as
select
  schedule.name,
  schedule.definition,
  schedule.cursor_at,
  schedule.paused_at,
  schedule.updated_at,
  fired.at as fired_at,
  fired.job as fired_job,
  array(
    select tick.at
    from windlass.tick
    where tick.schedule_id = schedule.id and tick.status = 2
    order by tick.at
  ) as held
from windlass.schedule
left join lateral (
  select tick.at, tick.job
  from windlass.tick
  where tick.schedule_id = schedule.id and tick.status = 1
  order by tick.at desc
  limit 1
) as fired on true;

-- Keeps a definition; answers the schedule.
create function windlass.put_schedule(
  p_now timestamptz,
  p_name text,
  p_definition bytea,
  -- Whether the cursor of a known schedule starts again from now.
  p_rewind boolean
) returns setof windlass.schedule_record
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz;
begin
  -- Now is when the lock was got: a tick that was recorded meanwhile lies before it.
  perform 1 from windlass.schedule where name = p_name for update;
  v_now := coalesce(p_now, clock_timestamp());
  insert into windlass.schedule as kept (name, definition, cursor_at, updated_at)
  values (p_name, p_definition, v_now, v_now)
  on conflict (name) do update set
    definition = excluded.definition,
    cursor_at = case when p_rewind then v_now else kept.cursor_at end,
    updated_at = case
      when kept.definition = excluded.definition then kept.updated_at
      else v_now
    end;
  return query
  select
    found.name, found.definition, found.cursor_at, found.paused_at, found.updated_at,
    found.fired_at, found.fired_job, found.held
  from windlass.schedule_record as found
  where found.name = p_name;
end
$$;

-- Forgets a schedule and its ticks.
create function windlass.remove_schedule(p_name text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_schedule bigint;
begin
  -- First its row: who waits for that to record a tick finds the schedule gone.
  delete from windlass.schedule where name = p_name returning id into v_schedule;
  if found then
    delete from windlass.tick where schedule_id = v_schedule;
  end if;
end
$$;

-- Records what became of a tick and, when it fires, enqueues its job. Answers the tick as it is
-- kept, and no row when the schedule is unknown.
create function windlass.record_tick(
  p_now timestamptz,
  p_schedule text,
  p_at timestamptz,
  p_status smallint,
  -- Skipped: why.
  p_reason bytea,
  -- Fired: its job, as windlass.accept_each takes jobs; else they are empty.
  p_ids uuid[],
  p_queues text[],
  p_priorities smallint[],
  p_max_attempts smallint[],
  p_run_at timestamptz[],
  p_delay_us bigint[],
  p_kinds text[],
  p_args bytea[],
  p_opts text[]
) returns table (
  o_at timestamptz,
  o_status smallint,
  o_job uuid,
  o_reason bytea,
  o_recorded_at timestamptz,
  -- The state of a job that was accepted just now, as windlass.accept_each tells it.
  o_accepted smallint
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_schedule bigint;
  v_holder uuid;
begin
  select schedule.id into v_schedule
  from windlass.schedule
  where schedule.name = p_schedule
  for update;
  if not found then
    return;
  end if;
  o_at := p_at;
  select tick.status, tick.job, tick.reason, tick.recorded_at
  into o_status, o_job, o_reason, o_recorded_at
  from windlass.tick
  where tick.schedule_id = v_schedule and tick.at = p_at;
  -- A held tick may become another one, and nothing else changes.
  if found and (o_status <> 2 or p_status = 2) then
    return next;
    return;
  end if;
  o_status := p_status;
  o_reason := p_reason;
  o_recorded_at := coalesce(p_now, clock_timestamp());
  if p_status = 1 then
    select accepted.state, accepted.holder into o_accepted, v_holder
    from windlass.accept_each(
      o_recorded_at, p_ids, p_queues, p_priorities, p_max_attempts, p_run_at, p_delay_us, p_kinds,
      p_args, p_opts
    ) as accepted;
    -- A job that is known already was enqueued by somebody who makes the same ids.
    o_job := case when o_accepted = -2 then v_holder else p_ids[1] end;
  end if;
  insert into windlass.tick (schedule_id, at, status, job, reason, recorded_at)
  values (v_schedule, p_at, o_status, o_job, o_reason, o_recorded_at)
  on conflict (schedule_id, at) do update set
    status = excluded.status,
    job = excluded.job,
    reason = excluded.reason,
    recorded_at = excluded.recorded_at;
  update windlass.schedule
  set cursor_at = p_at
  where id = v_schedule and cursor_at < p_at;
  return next;
end
$$;

-- Makes a candidate lead, or lead on, unless somebody else does; answers who leads, and now.
create function windlass.elect(
  p_now timestamptz,
  p_role text,
  p_candidate text,
  p_lease_us bigint,
  out o_leader text,
  out o_term bigint,
  out o_expires_at timestamptz,
  out o_now timestamptz
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  -- Who merely waits for a turn keeps nobody waiting.
  o_now := coalesce(p_now, clock_timestamp());
  select leader.candidate, leader.term, leader.expires_at
  into o_leader, o_term, o_expires_at
  from windlass.leader
  where leader.role = p_role
    and leader.candidate <> p_candidate
    and leader.expires_at > o_now;
  if found then
    return;
  end if;
  insert into windlass.leader (role, candidate, term, expires_at)
  values (p_role, null, 0, o_now)
  on conflict (role) do nothing;
  select leader.candidate, leader.term, leader.expires_at
  into o_leader, o_term, o_expires_at
  from windlass.leader
  where leader.role = p_role
  for update;
  -- Now is when the lock was got: a term may have begun or ended meanwhile.
  o_now := coalesce(p_now, clock_timestamp());
  if o_leader is null or o_expires_at <= o_now then
    o_leader := p_candidate;
    o_term := o_term + 1;
  elsif o_leader <> p_candidate then
    return;
  end if;
  -- Not beyond the times that can be written: the longest lease is 7900 years.
  o_expires_at := o_now + least(p_lease_us, 250000000000000000) * interval '1 microsecond';
  update windlass.leader
  set candidate = o_leader, term = o_term, expires_at = o_expires_at
  where role = p_role;
end
$$;
