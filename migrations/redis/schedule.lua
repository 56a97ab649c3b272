-- Schedules and their ticks; who leads.
--   schedules   names     s:NAME  definition, cursor, updated, paused, fired at, fired job
--   tn:NAME     ticks by instant       tk:NAME  instant -> what became of it, when that was recorded
--   th:NAME     those of them that are held
--   lead:ROLE   leader, term, expires

local function schedule_of(ctx, name)
  local key = ctx.P .. 's:' .. name
  local told = call('HMGET', key, 'definition', 'cursor', 'updated', 'paused', 'fired_at', 'fired')
  if not told[1] then return nil end
  for at = 4, 6 do told[at] = told[at] or '' end
  told[7] = call('ZRANGE', ctx.P .. 'th:' .. name, 0, -1)
  told[8] = name
  return told
end

-- ARGV: name, definition, '1' to rewind -> the schedule.
local function put_schedule(keys, args)
  local ctx, name = begin(keys, args), args[3]
  local key = ctx.P .. 's:' .. name
  local before = call('HGET', key, 'definition')
  if before ~= args[4] then call('HSET', key, 'definition', args[4], 'updated', ctx.now) end
  if not before or args[5] == '1' then call('HSET', key, 'cursor', ctx.now) end
  call('SADD', ctx.P .. 'schedules', name)
  return schedule_of(ctx, name)
end

-- ARGV: name.
local function remove_schedule(keys, args)
  local P = keys[1]
  call('SREM', P .. 'schedules', args[3])
  for _, key in ipairs({ 's:', 'tn:', 'tk:', 'th:' }) do call('UNLINK', P .. key .. args[3]) end
  return 1
end

-- ARGV: nothing -> all schedules.
local function schedules(keys, args)
  local ctx, answer = begin(keys, args), {}
  for _, name in ipairs(call('SMEMBERS', ctx.P .. 'schedules')) do
    answer[#answer + 1] = schedule_of(ctx, name)
  end
  return answer
end

-- ARGV: name, '1' to pause -> 1, or 0 when nobody knows it.
local function pause_schedule(keys, args)
  local ctx = begin(keys, args)
  local key = ctx.P .. 's:' .. args[3]
  if call('EXISTS', key) == 0 then return 0 end
  if args[4] == '1' then
    call('HSETNX', key, 'paused', ctx.now)
  elseif call('HDEL', key, 'paused') == 1 then
    call('HSET', key, 'cursor', ctx.now)
  end
  return 1
end

-- ARGV: schedule, instant, 'F' fire, 'H' hold or 'S' skip, then one sort and the job, or why
-- -> instant, status, when recorded; nothing when nobody knows the schedule. A status: 'F' and the id,
-- 'H', 'S' and why.
local function record_tick(keys, args)
  local ctx, name, at, decision = begin(keys, args), args[3], args[4], args[5]
  local P = ctx.P
  local key, kept = P .. 's:' .. name, P .. 'tk:' .. name
  local told = call('HMGET', key, 'cursor', 'fired_at')
  if not told[1] then return {} end
  local known = call('HGET', kept, at)
  if known and (byte(known, 8) ~= 72 or decision == 'H') then
    return { at, sub(known, 8), when(sub(known, 1, 7)) }
  end
  local status = decision
  if decision == 'F' then
    local jobs = batch()
    local sorts, place = read_sorts(args, 6)
    read_job(ctx, jobs, sorts, args, place)
    local _, holders = accept(ctx, jobs)
    status = 'F' .. (holders[1] or jobs.ids[1])
    if not told[2] or tonumber(told[2]) < tonumber(at) then
      call('HSET', key, 'fired_at', at, 'fired', sub(status, 2))
    end
  elseif decision == 'S' then
    status = 'S' .. args[6]
  end
  if decision == 'H' then
    call('ZADD', P .. 'th:' .. name, at, at)
  else
    call('ZREM', P .. 'th:' .. name, at)
  end
  if tonumber(told[1]) < tonumber(at) then call('HSET', key, 'cursor', at) end
  call('ZADD', P .. 'tn:' .. name, at, at)
  call('HSET', kept, at, ctx.now7 .. status)
  finish(ctx)
  return { at, status, ctx.now }
end

-- ARGV: schedule, most -> as record_tick of each, newest first.
local function ticks(keys, args)
  local P, answer = keys[1], {}
  for _, at in ipairs(call('ZREVRANGE', P .. 'tn:' .. args[3], 0, tonumber(args[4]) - 1)) do
    local known = call('HGET', P .. 'tk:' .. args[3], at)
    answer[#answer + 1] = { at, sub(known, 8), when(sub(known, 1, 7)) }
  end
  return answer
end

-- Forgets ticks beyond the newest so many, but for those that are held and the newest that fired.
-- ARGV: kept, most to look at of each schedule -> how many, whether there may be more.
local function prune_ticks(keys, args)
  local P, done, more = keys[1], 0, 0
  for _, name in ipairs(call('SMEMBERS', P .. 'schedules')) do
    local key = P .. 'tn:' .. name
    local over = call('ZCARD', key) - tonumber(args[3])
    if over > 0 then
      local fired = call('HGET', P .. 's:' .. name, 'fired_at')
      local gone = {}
      for _, at in ipairs(call('ZRANGE', key, 0, over - 1)) do
        if #gone == tonumber(args[4]) then
          more = 1
          break
        end
        if at ~= fired and not call('ZSCORE', P .. 'th:' .. name, at) then gone[#gone + 1] = at end
      end
      if #gone > 0 then
        call('ZREM', key, unpack(gone))
        call('HDEL', P .. 'tk:' .. name, unpack(gone))
        done = done + #gone
      end
    end
  end
  return { done, more }
end

-- Who leads a role, how long still.
local function election(ctx, told)
  return { told[1], tonumber(told[2]), max(0, tonumber(told[3]) - ctx.now) }
end

-- ARGV: role, candidate, lease -> leader, term, microseconds that its lease still runs.
local function elect(keys, args)
  local ctx, candidate = begin(keys, args), args[4]
  local key, expires = ctx.P .. 'lead:' .. args[3], ctx.now + tonumber(args[5])
  local told = call('HMGET', key, 'leader', 'term', 'expires')
  if not told[1] or tonumber(told[3]) <= ctx.now then
    told = { candidate, (tonumber(told[2]) or 0) + 1, expires }
  elseif told[1] == candidate then
    told[3] = expires
  else
    return election(ctx, told)
  end
  call('HSET', key, 'leader', told[1], 'term', told[2], 'expires', told[3])
  return election(ctx, told)
end

-- ARGV: role, candidate, term.
local function resign(keys, args)
  local ctx = begin(keys, args)
  local key = ctx.P .. 'lead:' .. args[3]
  local told = call('HMGET', key, 'leader', 'term', 'expires')
  if told[1] == args[4] and told[2] == args[5] and tonumber(told[3]) > ctx.now then
    call('HSET', key, 'expires', ctx.now)
  end
  return 1
end

-- ARGV: role -> as elect, or nothing.
local function leader(keys, args)
  local ctx = begin(keys, args)
  local told = call('HMGET', ctx.P .. 'lead:' .. args[3], 'leader', 'term', 'expires')
  if not told[1] or tonumber(told[3]) <= ctx.now then return {} end
  return election(ctx, told)
end
