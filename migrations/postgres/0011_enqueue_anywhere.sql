-- Enqueueing from any language, in the caller's own transaction: the job is there when that commits
-- and never was when it does not. docs/ENQUEUE_FROM_SQL.md is for whoever calls.
--
-- These functions insert and take no lock that a claim waits for, so a transaction may stay open for
-- as long as it likes. Two things others wait for, as they do for any row with a key: a queue's name
-- that nobody used before, and a unique key. Nothing is notified: notifying transactions of a server
-- commit one after the other, and this one is the caller's.
--
-- They run as their owner, so that a role that may only enqueue needs no right to any table. What
-- they are given is checked before anything is done with it, and every name is qualified.

-- A fresh id (UUIDv7): milliseconds since 1970, the 4096th of that millisecond, chance. Ids that one
-- session makes rise unless they are made within a quarter of a microsecond.
create function windlass.new_id() returns uuid
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select encode(
      substring(int8send(t.us / 1000) from 3)
        || int2send((28672 + t.us % 1000 * 4096 / 1000)::smallint)
        || substring(uuid_send(gen_random_uuid()) from 9),
      'hex')::uuid
    from (select (extract(epoch from clock_timestamp()) * 1000000)::bigint as us) t
$$;

-- Refuses an argument.
create function windlass.refuse(p_argument text, p_why text) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  raise exception using errcode = '22023', message = p_argument || ' ' || p_why;
end $$;

-- Refuses what is no name: letters, digits, _ and a few more, which must not be the first.
create function windlass.check_name(p_argument text, p_name text, p_more text) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if p_name ~ ('^[A-Za-z0-9_][A-Za-z0-9_' || p_more || ']{0,63}$') collate "C" then
    return;
  end if;
  perform windlass.refuse(p_argument, case
    when p_name is null then 'is null'
    when p_name = '' then 'is empty'
    when octet_length(p_name) > 64 then
      format('is %s bytes long, more than 64', octet_length(p_name))
    else format('"%s" is not made of letters, digits, _ and any of %s, which must not be the first',
      p_name, p_more) end);
end $$;

-- Args as they are kept.
create function windlass.check_args(p_argument text, p_args jsonb) returns bytea
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare v_bytes bytea := convert_to(p_args::text, 'UTF8');
begin
  if v_bytes is null then
    perform windlass.refuse(p_argument, 'is null; {} is what carries nothing');
  elsif octet_length(v_bytes) > 1048576 then
    perform windlass.refuse(p_argument,
      format('is %s bytes long, more than 1048576', octet_length(v_bytes)));
  end if;
  return v_bytes;
end $$;

-- Checks all but the args and the id. Answers when the job is due and what few jobs have, as it is
-- kept.
create function windlass.check_new(
  p_kind text, p_queue text, p_priority integer, p_delay interval, p_run_at timestamptz,
  p_max_attempts integer, p_unique_key text, p_unique_for interval, p_unique_until text,
  p_tags text[], p_timeout interval, p_traceparent text, p_now timestamptz,
  out o_run_at timestamptz, out o_opts jsonb
)
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_unique jsonb; v_trace text; v_tag text;
  v_tags text[] := nullif(array(select unnest(p_tags)), '{}');
begin
  perform windlass.check_name('kind', p_kind, '.:-');
  perform windlass.check_name('queue', p_queue, '.-');
  if p_priority not between 0 and 9 then
    perform windlass.refuse('priority',
      format('%s is not between 0 (sooner) and 9', p_priority));
  end if;
  if p_max_attempts not between 1 and 1000 then
    perform windlass.refuse('max_attempts', format('%s is not between 1 and 1000', p_max_attempts));
  end if;

  if p_delay is not null and p_run_at is not null then
    perform windlass.refuse('run_at', 'stands beside delay; only one of them may');
  elsif extract(epoch from p_delay) < 0 then
    perform windlass.refuse('delay', format('%s is negative', p_delay));
  elsif extract(epoch from p_delay) > 315360000 then
    perform windlass.refuse('delay', format('%s is longer than 3650 days', p_delay));
  elsif p_run_at > p_now + interval '3650 days' then
    perform windlass.refuse('run_at', format('%s is more than 3650 days ahead', p_run_at));
  elsif p_run_at < p_now - interval '365 days' then
    perform windlass.refuse('run_at', format('%s is more than a year ago', p_run_at));
  end if;
  o_run_at := coalesce(p_run_at, p_now + p_delay);

  if p_unique_key is null then
    if p_unique_until is not null or p_unique_for is not null then
      perform windlass.refuse('unique_key', 'is missing beside unique_until and unique_for');
    end if;
  elsif octet_length(convert_to(p_unique_key, 'UTF8')) not between 1 and 255 then
    perform windlass.refuse('unique_key', format('is %s bytes long; 1 to 255 are allowed',
      octet_length(convert_to(p_unique_key, 'UTF8'))));
  elsif p_unique_key ~ '[\u0001-\u001f\u007f-\u009f]' collate "C" then
    perform windlass.refuse('unique_key', 'holds a control character');
  elsif (p_unique_until is null) = (p_unique_for is null) then
    perform windlass.refuse('unique_key',
      'needs either unique_until (''started'' or ''finished'') or unique_for');
  elsif p_unique_until not in ('started', 'finished') then
    perform windlass.refuse('unique_until',
      format('"%s" is neither ''started'' nor ''finished''', left(p_unique_until, 64)));
  elsif extract(epoch from p_unique_for) not between 0.000001 and 31536000 then
    perform windlass.refuse('unique_for',
      format('%s is not more than nothing and at most 365 days', p_unique_for));
  else
    v_unique := jsonb_build_object('key', p_unique_key,
      'policy', coalesce('until_' || p_unique_until, 'window'),
      'window_ns', (extract(epoch from p_unique_for) * 1000000000)::bigint);
  end if;

  if cardinality(v_tags) > 16 then
    perform windlass.refuse('tags', format('are %s, more than 16', cardinality(v_tags)));
  end if;
  foreach v_tag in array coalesce(v_tags, '{}') loop
    perform windlass.check_name('tags', v_tag, '.:/@=#+-');
  end loop;
  if extract(epoch from p_timeout) not between 0.01 and 604800 then
    perform windlass.refuse('timeout', format('%s is not between 10 ms and 7 days', p_timeout));
  end if;
  -- One that is malformed is passed over: what is traced must not depend on how.
  if p_traceparent ~ '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$' collate "C"
      and p_traceparent !~ '-0+-' collate "C" then
    v_trace := p_traceparent;
  end if;

  o_opts := nullif(jsonb_strip_nulls(jsonb_build_object(
    'timeout_ns', (extract(epoch from p_timeout) * 1000000000)::bigint,
    'unique', v_unique, 'tags', to_jsonb(v_tags), 'traceparent', v_trace)), '{}');
end $$;

-- Enqueues a job. Answers which one it is now, and whether it is new, or repeated: a job with this
-- id is known and nothing was changed, or duplicate: that job holds the unique key, and nothing was
-- accepted. A null is as if it were left out.
create function windlass.try_enqueue(
  kind text, args jsonb default '{}', queue text default 'default', priority integer default 5,
  delay interval default null, run_at timestamptz default null, max_attempts integer default 25,
  unique_key text default null,
  -- Until when it is held: for a length of time, or until the job is 'started' or 'finished'.
  unique_for interval default null, unique_until text default null,
  tags text[] default null, timeout interval default null, id uuid default null,
  traceparent text default null,
  out job_id uuid, out verdict text
)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_now timestamptz := clock_timestamp();
  v_queue text := coalesce(try_enqueue.queue, 'default');
  v_priority integer := coalesce(try_enqueue.priority, 5);
  v_max_attempts integer := coalesce(try_enqueue.max_attempts, 25);
  v_args bytea := windlass.check_args('args', coalesce(try_enqueue.args, '{}'));
  v_run_at timestamptz; v_opts jsonb; v_state smallint; v_holder uuid;
begin
  select c.o_run_at, c.o_opts into v_run_at, v_opts
    from windlass.check_new(try_enqueue.kind, v_queue, v_priority, try_enqueue.delay,
      try_enqueue.run_at, v_max_attempts, try_enqueue.unique_key, try_enqueue.unique_for,
      try_enqueue.unique_until, try_enqueue.tags, try_enqueue.timeout, try_enqueue.traceparent,
      v_now) c;
  if try_enqueue.id::text !~ '^.{14}7.{4}[89ab]' then
    perform windlass.refuse('id',
      format('%s is not a version 7 UUID (RFC 9562); left out, one is made', try_enqueue.id));
  end if;
  job_id := coalesce(try_enqueue.id, windlass.new_id());
  verdict := 'new';
  if try_enqueue.id is null and try_enqueue.unique_key is null then
    -- Nothing is read that another serializable transaction may write.
    perform windlass.accept_groups(v_now, array[1], array[v_queue], array[v_priority::smallint],
      array[v_max_attempts::smallint], array[v_run_at], array[null::bigint], array[null::uuid],
      array[null::uuid], array[job_id], array[try_enqueue.kind], array[v_args],
      case when v_opts is not null then array[v_opts::text] end, v_opts ? 'tags');
  else
    select o.o_state, o.o_holder into v_state, v_holder
      from windlass.accept_one(v_now, job_id, v_queue, v_priority::smallint,
        v_max_attempts::smallint, v_run_at, null, try_enqueue.kind, v_args, v_opts) o;
    if v_state = -1 then
      verdict := 'repeated';
    elsif v_state = -2 then
      verdict := 'duplicate';
      job_id := v_holder;
    end if;
  end if;
end $$;

-- Enqueues a job, as try_enqueue does. Answers its id; of a duplicate, that of the job that holds
-- the unique key.
create function windlass.enqueue(
  kind text, args jsonb default '{}', queue text default 'default', priority integer default 5,
  delay interval default null, run_at timestamptz default null, max_attempts integer default 25,
  unique_key text default null, unique_for interval default null, unique_until text default null,
  tags text[] default null, timeout interval default null, id uuid default null,
  traceparent text default null
) returns uuid
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare v_id uuid;
begin
  select t.job_id into v_id
    from windlass.try_enqueue($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) t;
  return v_id;
end $$;

-- Enqueues a job for each of the args, all else the same. Answers their ids in the order of the
-- args. Many at once cost a fraction of what they cost one by one.
create function windlass.enqueue_many(
  kind text, args jsonb[], queue text default 'default', priority integer default 5,
  delay interval default null, run_at timestamptz default null, max_attempts integer default 25,
  tags text[] default null, timeout interval default null, traceparent text default null
) returns setof uuid
language plpgsql security definer rows 100 set search_path = pg_catalog, pg_temp as $$
declare
  v_now timestamptz := clock_timestamp();
  v_queue text := coalesce(enqueue_many.queue, 'default');
  v_priority integer := coalesce(enqueue_many.priority, 5);
  v_max_attempts integer := coalesce(enqueue_many.max_attempts, 25);
  v_run_at timestamptz; v_opts jsonb; v_ids uuid[]; v_args bytea[]; n integer;
begin
  select c.o_run_at, c.o_opts into v_run_at, v_opts
    from windlass.check_new(enqueue_many.kind, v_queue, v_priority, enqueue_many.delay,
      enqueue_many.run_at, v_max_attempts, null, null, null, enqueue_many.tags,
      enqueue_many.timeout, enqueue_many.traceparent, v_now) c;
  v_args := array(select windlass.check_args(format('args[%s]', u.o), u.a)
    from unnest(enqueue_many.args) with ordinality u(a, o) order by u.o);
  n := cardinality(v_args);
  if n = 0 then
    return;
  end if;
  v_ids := array(select windlass.new_id() from generate_series(1, n) order by 1);
  perform windlass.accept_groups(v_now, array[n], array[v_queue], array[v_priority::smallint],
    array[v_max_attempts::smallint], array[v_run_at], array[null::bigint], array[null::uuid],
    array[null::uuid], v_ids, array_fill(enqueue_many.kind, array[n]), v_args,
    case when v_opts is not null then array_fill(v_opts::text, array[n]) end, v_opts ? 'tags');
  return query select unnest(v_ids);
end $$;

-- As accept_groups, but for a transaction that is to go on: when one of the ids is known already,
-- nothing is done and the answer is null.
create function windlass.accept_groups_if_new(
  p_now timestamptz,
  p_sizes integer[], p_queues text[], p_priorities smallint[], p_max_attempts smallint[],
  p_run_at timestamptz[], p_delay_us bigint[], p_least uuid[], p_greatest uuid[],
  p_ids uuid[], p_kinds text[], p_args bytea[], p_opts text[], p_tagged boolean
) returns smallint[]
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  return windlass.accept_groups(p_now, p_sizes, p_queues, p_priorities, p_max_attempts, p_run_at,
    p_delay_us, p_least, p_greatest, p_ids, p_kinds, p_args, p_opts, p_tagged);
exception when unique_violation then
  return null;
end $$;
