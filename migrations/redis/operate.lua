-- What people change about single jobs, and about queues.

-- Takes a job that waits or is available out of where it stands. One in a line stays there and is
-- passed over, because its row says that it is available no more.
local function withdraw(ctx, number, row)
  if sub(row, 17, 17) == AVAILABLE then
    call('ZREM', ctx.P .. 'f:' .. lane_of(row), number6(number))
  else
    call('ZREM', ctx.P .. 'due', number6(number))
  end
end

-- ARGV: reason, ids -> for each 'D' cancelled, 'Q' its worker is told, 'U' unknown, or the state in
-- which it had ended.
local function cancel(keys, args)
  local ctx, answer = begin(keys, args), {}
  local P = ctx.P
  for at = 4, #args do
    local id = args[at]
    local row, number = find(ctx, id)
    local state = row and sub(row, 17, 17)
    if not row then
      answer[#answer + 1] = 'U'
    elseif byte(state) >= 5 then
      answer[#answer + 1] = state
    else
      if band(byte(row, 39), UNWANTED) == 0 then call('HSET', P .. 'can', id, ctx.now7 .. args[3]) end
      row = with_flag(row, UNWANTED)
      if state == RUNNING then
        call('SADD', P .. 'cw:' .. scan('>I4', row, 18), id)
        ctx.hints['cancel'] = true
        put_row(ctx, number, row)
        answer[#answer + 1] = 'Q'
      else
        withdraw(ctx, number, row)
        if band(byte(row, 53), UNIQUE) ~= 0 then let_go(ctx, row) end
        local line = ctx.ended[CANCELLED] or {}
        line[#line + 1] = number6(number)
        ctx.ended[CANCELLED] = line
        count(ctx, queue_of(row), state, CANCELLED)
        put_row(ctx, number, id .. CANCELLED .. sub(row, 18, 29) .. NEVER .. sub(row, 37, 40) .. ctx.now7 .. sub(row, 48))
        answer[#answer + 1] = 'D'
      end
    end
  end
  finish(ctx)
  return concat(answer)
end

-- ARGV: ids -> for each 'D' it is available, 'U' unknown, or the state in which it does not wait.
local function run_now(keys, args)
  local ctx, answer = begin(keys, args), {}
  for at = 3, #args do
    local row, number = find(ctx, args[at])
    local state = row and sub(row, 17, 17)
    if not row then
      answer[#answer + 1] = 'U'
    elseif state == SCHEDULED or state == RETRYABLE then
      withdraw(ctx, number, row)
      put_row(ctx, number, sub(row, 1, 16) .. AVAILABLE .. sub(row, 18, 40) .. ctx.now7 .. sub(row, 48))
      count(ctx, queue_of(row), state, AVAILABLE)
      line_up(ctx, lane_of(row), number6(number))
      answer[#answer + 1] = 'D'
    else
      answer[#answer + 1] = state == AVAILABLE and 'D' or state
    end
  end
  finish(ctx)
  return concat(answer)
end

-- The number of a queue or a kind -> its name.
local function name_of(ctx, names, number)
  ctx[names] = ctx[names] or {}
  if not ctx[names][number] then
    local all = call('HGETALL', ctx.P .. names)
    for at = 1, #all, 2 do ctx[names][tonumber(all[at + 1])] = all[at] end
  end
  return ctx[names][number]
end

-- A body in another trace. traced: the flags that say what there is of it, and the trace.
local function in_trace(body, traced)
  local function past(at) return at + 1 + byte(body, at) end
  local last, at = 8 + scan('>I2', body, 7), 9
  -- The unique key with its policy and window, the tags, the kind, the queue, max_attempts.
  at = byte(body, at) == 0 and at + 1 or past(at) + 8
  local tags = byte(body, at)
  at = at + 1
  for _ = 1, tags + 2 do at = past(at) end
  at = at + 2
  local rest = byte(body, at) % 4
  local meta = sub(body, 9, at - 1) .. char(rest + byte(traced, 1))
    .. sub(body, at + 1, at + rest % 2 * 8 + (rest >= 2 and 24 or 0)) .. sub(traced, 2)
  return sub(body, 1, 6) .. pack('>I2', #meta) .. meta .. sub(body, last + 1)
end

-- The new run of a dead letter, as a batch. edited: '' or the content type and bytes of other args.
-- traced: '' or as above.
local function new_run(ctx, row, body, new, edited, large, traced)
  local jobs, traits, id = batch(), byte(row, 53), sub(row, 1, 16)
  if traced ~= '' then body = in_trace(body, traced) end
  if edited == '' then
    jobs.bodies[1] = sub(body, 7)
    if band(traits, LARGE) ~= 0 then jobs.args[1] = call('HGET', ctx.P .. 'args', id) end
  else
    traits = traits - band(traits, LARGE)
    jobs.bodies[1] = sub(body, 7, 8 + scan('>I2', body, 7))
    if large == '' then
      jobs.bodies[1] = jobs.bodies[1] .. edited
    else
      traits, jobs.args[1] = traits + LARGE, edited
    end
  end
  local queue, kind = name_of(ctx, 'qn', queue_of(row)), name_of(ctx, 'kn', scan('>I2', row, 50))
  jobs.ids[1], jobs.heirs[1], jobs.sorts[1] = new, id, sort_of(queue, kind, byte(row, 52), traits)
  return jobs
end

-- ARGV: dead, new, edited, whether those are large, traced, of each -> 'T' when a new id is another job's:
-- then nothing happens. Whether ids are wanted for two is for the caller to see.
local function check_replays(keys, args)
  local ctx = begin(keys, args)
  for at = 3, #args, 5 do
    local row = find(ctx, args[at + 1])
    if row and call('HGET', ctx.P .. 'rof', args[at + 1]) ~= args[at] then return tostring((at - 3) / 5) end
  end
  return ''
end

-- ARGV: as check_replays -> for each 'N' new, 'R' repeated, 'A' and the other id already,
-- 'H' and the holder of its key, 'U' unknown, or the state it is in.
local function replay(keys, args)
  local ctx, answer = begin(keys, args), {}
  local P = ctx.P
  for at = 3, #args, 5 do
    local dead, new = args[at], args[at + 1]
    local row, number, body = find(ctx, dead)
    local as = row and call('HGET', P .. 'ras', dead)
    if not row then
      answer[#answer + 1] = 'U'
    elseif as then
      answer[#answer + 1] = as == new and 'R' or 'A' .. as
    elseif sub(row, 17, 17) ~= DISCARDED then
      answer[#answer + 1] = sub(row, 17, 17)
    else
      local run = new_run(ctx, row, body, new, args[at + 2], args[at + 3], args[at + 4])
      local _, holders = accept(ctx, run)
      if holders[1] then
        answer[#answer + 1] = 'H' .. holders[1]
      else
        call('HSET', P .. 'ras', dead, new)
        put_row(ctx, number, with_flag(row, REPLAYED_AS))
        answer[#answer + 1] = 'N'
      end
    end
  end
  finish(ctx)
  return answer
end

-- ARGV: queue, '1' to pause -> 1, or 0 when nobody knows it.
local function set_paused(keys, args)
  local ctx = begin(keys, args)
  local queue = number_of(ctx, 'qn', args[3])
  if not queue then return 0 end
  local key = ctx.P .. 'c:' .. queue
  if args[4] == '1' then
    call('HSETNX', key, 'p', ctx.now)
  elseif call('HDEL', key, 'p') == 1 then
    ctx.hints['available ' .. args[3]] = true
  end
  finish(ctx)
  return 1
end
