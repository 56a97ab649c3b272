-- Bodies by the day: the partitions of windlass.job are made ahead, and dropped with all that was
-- forgotten in them.
--
-- A partition holds the ids of one day (UTC); its name says which. Ids of any other time are in the
-- default partition, so that nothing is ever refused: clocks that are wrong, days on which nobody
-- made a partition, and the few jobs that outlived their day's partition.
--
-- What needs the table to itself waits for it a fifth of a second, for producers and claims queue
-- up behind it, and leaves it for the next call else. Under that lock there is only what is short:
-- moving few bodies, and changes of the catalogue. Whoever had to wait finds a body that moved,
-- because every function that looks at bodies is volatile: its snapshot is taken after the wait.

-- Where the walk through the default partition stands.
create table windlass.upkeep (
  one boolean primary key default true check (one),
  -- The last id that was looked at; null: it begins anew.
  walked_to uuid
);
insert into windlass.upkeep default values;

-- The least id that is made at a time, in milliseconds since 1970.
create function windlass.first_id(p_ms bigint) returns uuid
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select (lpad(to_hex(p_ms), 12, '0') || repeat('0', 20))::uuid
$$;

-- The partitions of single days, oldest first; ids from o_from on, below o_to.
create function windlass.days()
returns table (name text, day date, from_id uuid, to_id uuid)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select c.relname::text, d.day,
      windlass.first_id(extract(epoch from d.day)::bigint * 1000),
      windlass.first_id(extract(epoch from d.day + 1)::bigint * 1000)
    from pg_inherits i
    join pg_class c on c.oid = i.inhrelid
    cross join lateral (select to_date(right(c.relname, 8), 'YYYYMMDD') as day) d
    where i.inhparent = 'windlass.job'::regclass and c.relname ~ '^job_[0-9]{8}$'
    order by 1
$$;

-- Ids within bounds that have a place, each once; at most about so many of each kind of place.
create function windlass.placed(p_least uuid, p_greatest uuid, p_limit bigint)
returns setof uuid
language plpgsql stable rows 1000
set search_path = pg_catalog, pg_temp set jit = off set enable_seqscan = off as $$
declare v_room bigint := p_limit; v_found bigint;
begin
  return query select e.id from windlass.ended e
    where e.id between p_least and p_greatest limit v_room;
  get diagnostics v_found = row_count;
  v_room := v_room - v_found;
  return query select s.id from windlass.scheduled s
    where s.id between p_least and p_greatest limit v_room;
  get diagnostics v_found = row_count;
  v_room := v_room - v_found;
  return query select u.id from windlass.ready r cross join lateral unnest(r.ids) u(id)
    where r.max_id >= p_least and r.min_id <= p_greatest and u.id between p_least and p_greatest
    limit v_room;
  get diagnostics v_found = row_count;
  v_room := v_room - v_found;
  return query select u.id
    from windlass.lease l cross join lateral unnest(l.ids) with ordinality u(id, o)
    where l.max_id >= p_least and l.min_id <= p_greatest and u.id between p_least and p_greatest
      and get_bit(l.open, u.o::integer - 1) = 1
    limit v_room;
  get diagnostics v_found = row_count;
  v_room := v_room - v_found;
  -- Last, because it may have to look at every batch that is kept.
  if v_room is null or v_room > 0 then
    return query select u.id from windlass.finished_batch f cross join lateral unnest(f.ids) u(id)
      where f.max_id >= p_least and f.min_id <= p_greatest and u.id between p_least and p_greatest
      limit v_room;
  end if;
end $$;

-- Makes the partition of a day, with what the default partition holds of it; false: it is there,
-- or the default partition holds so much of it that it stays there. Locks the default partition.
create function windlass.make_day(p_day date) returns boolean
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_name text := 'job_' || to_char(p_day, 'YYYYMMDD');
  v_from uuid := windlass.first_id(extract(epoch from p_day)::bigint * 1000);
  v_to uuid := windlass.first_id(extract(epoch from p_day + 1)::bigint * 1000);
  v_held bigint;
begin
  if to_regclass('windlass.' || v_name) is not null then
    return false;
  end if;
  select count(*) into v_held from (
    select from only windlass.job_default j where j.id >= v_from and j.id < v_to limit 10001) x;
  if v_held > 10000 then
    return false;
  end if;
  execute format('create table windlass.%I (like windlass.job including all)', v_name);
  -- In the order in which everybody else locks them.
  lock table only windlass.job in share update exclusive mode;
  lock table windlass.job_default in access exclusive mode;
  execute format(
    'with gone as (delete from only windlass.job_default j where j.id >= $1 and j.id < $2
       returning j.id, j.accepted_at, j.queue_id, j.priority, j.max_attempts, j.kind, j.args, j.opts)
     insert into windlass.%I (id, accepted_at, queue_id, priority, max_attempts, kind, args, opts)
     select id, accepted_at, queue_id, priority, max_attempts, kind, args, opts from gone', v_name)
    using v_from, v_to;
  execute format('alter table windlass.job attach partition windlass.%I for values from (%L) to (%L)',
    v_name, v_from, v_to);
  return true;
end $$;

-- The ids that outlived a day, if they are so few that its partition can go without them; null
-- while one of them runs or they are many. A job that runs keeps its partition, because it will
-- end soon.
create function windlass.outlived(p_from uuid, p_to uuid) returns uuid[]
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare v_ids uuid[];
begin
  if exists (
    select from windlass.lease l cross join lateral unnest(l.ids) with ordinality u(id, o)
      where l.max_id >= p_from and l.min_id < p_to and u.id >= p_from and u.id < p_to
        and get_bit(l.open, u.o::integer - 1) = 1)
  then
    return null;
  end if;
  select array_agg(x) into v_ids from windlass.placed(p_from, p_to, 10001) x;
  return case when coalesce(cardinality(v_ids), 0) <= 10000 then coalesce(v_ids, '{}') end;
end $$;

-- Drops the partition of a day; the few jobs that outlived it move to the default partition.
-- Answers how many these are; null: it stays. Locks windlass.job.
create function windlass.drop_day(p_name text, p_from uuid, p_to uuid) returns bigint
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare v_ids uuid[]; v_bytes bigint;
begin
  -- A look without any lock is mostly all there is to it.
  if windlass.outlived(p_from, p_to) is null then
    return null;
  end if;
  -- Nobody puts anything into it from now on. Jobs that are in it may still be claimed, end and be
  -- forgotten, but a body without a place never gets one again.
  execute format('lock table windlass.%I in share mode', p_name);
  v_ids := windlass.outlived(p_from, p_to);
  if v_ids is null then
    return null;
  end if;
  execute format('select sum(pg_column_size(j.args) + 100) from windlass.%I j where j.id = any ($1)',
    p_name) into v_bytes using v_ids;
  if v_bytes > 32 * 1024 * 1024 then
    return null;
  end if;
  lock table only windlass.job in access exclusive mode;
  execute format('alter table windlass.job detach partition windlass.%I', p_name);
  execute format(
    'insert into windlass.job (id, accepted_at, queue_id, priority, max_attempts, kind, args, opts)
     select j.id, j.accepted_at, j.queue_id, j.priority, j.max_attempts, j.kind, j.args, j.opts
       from windlass.%I j where j.id = any ($1)', p_name)
    using v_ids;
  execute format('drop table windlass.%I', p_name);
  return cardinality(v_ids);
end $$;

-- Deletes bodies that were forgotten from the default partition, looking at up to so many of up to
-- ten days and going on there next time. Answers how many were deleted.
create function windlass.sweep_default(p_limit bigint) returns bigint
language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off as $$
declare
  v_after uuid; v_least uuid; v_greatest uuid; v_ids uuid[]; v_day bigint; v_room bigint := p_limit;
  v_gone bigint; v_sum bigint := 0;
begin
  select u.walked_to into v_after from windlass.upkeep u for update;
  for i in 1..10 loop
    exit when v_room <= 0;
    select j.id into v_least from only windlass.job_default j
      where v_after is null or j.id > v_after order by j.id limit 1;
    if not found then
      v_after := null;
      exit;
    end if;
    -- Within one day, for a day that has no partition has all its bodies here: there are no more
    -- places to look at than bodies.
    v_day := ('x' || left(replace(v_least::text, '-', ''), 12))::bit(48)::bigint / 86400000;
    select array_agg(s.id order by s.id) into v_ids from (
      select j.id from only windlass.job_default j
        where j.id >= v_least and (v_day >= 3257812 or j.id < windlass.first_id((v_day + 1) * 86400000))
        order by j.id limit v_room) s;
    v_greatest := v_ids[cardinality(v_ids)];
    delete from only windlass.job_default j
      where j.id = any (v_ids)
        and j.id not in (select x from windlass.placed(v_least, v_greatest, null) x);
    get diagnostics v_gone = row_count;
    v_sum := v_sum + v_gone;
    v_room := v_room - cardinality(v_ids);
    v_after := v_greatest;
  end loop;
  update windlass.upkeep u set walked_to = v_after where u.walked_to is distinct from v_after;
  return v_sum;
end $$;

-- One step of all that: makes the partitions of today and the next two days, else drops one of a
-- day that is over for a day, else sweeps. One at a time; whoever comes second has nothing to do.
-- As its owner, because whoever keeps jobs moving need not be who may change the schema.
create function windlass.maintain(
  p_now timestamptz, p_limit bigint,
  out o_made integer, out o_dropped text, out o_moved bigint, out o_forgotten bigint,
  out o_is_late boolean
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp set lock_timeout = '200ms' as $$
declare
  v_today date := (coalesce(p_now, clock_timestamp()) at time zone 'UTC')::date;
  d record;
begin
  o_made := 0;
  o_moved := 0;
  o_forgotten := 0;
  o_is_late := false;
  if not pg_try_advisory_xact_lock(1463897700, 1) then
    return;
  end if;
  begin
    for ahead in 0..2 loop
      o_made := o_made + windlass.make_day(v_today + ahead)::integer;
    end loop;
    if o_made = 0 then
      for d in select x.name, x.from_id, x.to_id from windlass.days() x where x.day < v_today - 1 loop
        o_moved := windlass.drop_day(d.name, d.from_id, d.to_id);
        if o_moved is not null then
          o_dropped := d.name;
          exit;
        end if;
      end loop;
      o_moved := coalesce(o_moved, 0);
    end if;
  exception when lock_not_available or deadlock_detected then
    o_is_late := true;
    o_made := 0;
    o_moved := 0;
  end;
  if o_made = 0 and o_dropped is null then
    o_forgotten := windlass.sweep_default(p_limit);
  end if;
end $$;

select windlass.maintain(null, 0);
