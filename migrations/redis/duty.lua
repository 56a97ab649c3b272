-- What keeps jobs moving: promote, rescue, prune. Each call is one bounded step.

-- ARGV: most -> how many became available, microseconds until the next is due or -1.
local function promote(keys, args)
  local ctx = begin(keys, args)
  local key = ctx.P .. 'due'
  local numbers = call('ZRANGEBYSCORE', key, '-inf', ctx.now, 'LIMIT', 0, args[3])
  for _, text in ipairs(numbers) do
    local number = number_in(text)
    local row = row_at(ctx, number)
    put_row(ctx, number, sub(row, 1, 16) .. AVAILABLE .. sub(row, 18, 40) .. ctx.now7 .. sub(row, 48))
    count(ctx, queue_of(row), sub(row, 17, 17), AVAILABLE)
    line_up(ctx, lane_of(row), text)
  end
  if #numbers > 0 then call('ZREM', key, unpack(numbers)) end
  finish(ctx)
  local first = call('ZRANGE', key, 0, 0, 'WITHSCORES')
  return { #numbers, first[2] and max(0, tonumber(first[2]) - ctx.now) or -1 }
end

-- ARGV: most jobs, most crashes, the failure that is kept -> ids requeued, discarded, cancelled;
-- workers whose registration ended; whether more may be left.
local function rescue(keys, args)
  local ctx, left, most = begin(keys, args), tonumber(args[3]), tonumber(args[4])
  local ids = { [AVAILABLE] = {}, [DISCARDED] = {}, [CANCELLED] = {} }
  local gone, more = {}, 0
  for _, worker in ipairs(call('ZRANGEBYSCORE', ctx.P .. 'workers', '-inf', ctx.now, 'LIMIT', 0, 64)) do
    local done, all = end_held(ctx, worker, left, function(job, row)
      local crashes = min(byte(row, 40) + 1, 255)
      row = sub(row, 1, 39) .. char(crashes) .. sub(row, 41)
      local dies = crashes >= most and band(byte(row, 39), UNWANTED) == 0
      local to = end_attempt(ctx, job, row, dies and DISCARDED or SCHEDULED, 0, false, args[5], true)
      ids[to][#ids[to] + 1] = sub(row, 1, 16)
    end)
    left = left - done
    if all then
      strike_off(ctx, worker)
      gone[#gone + 1] = tonumber(worker)
    else
      more = 1
    end
  end
  finish(ctx)
  if #gone == 64 then more = 1 end
  return { ids[AVAILABLE], ids[DISCARDED], ids[CANCELLED], gone, more }
end

local forget_origin

-- Forgets a job and all that hangs on it.
local function forget(ctx, number, row, dead)
  local P, id = ctx.P, sub(row, 1, 16)
  local flags, traits = byte(row, 39), byte(row, 53)
  if band(traits, TAGS) ~= 0 then
    for _, tag in ipairs(tags_of(call('HGET', P .. 'job', id))) do call('ZREM', P .. 't:' .. tag, number6(number)) end
  end
  if band(traits, LARGE) ~= 0 then call('HDEL', P .. 'args', id) end
  if flags ~= 0 then
    if band(flags, UNWANTED) ~= 0 then call('HDEL', P .. 'can', id) end
    if band(flags, ERRORS) ~= 0 then call('UNLINK', P .. 'e:' .. id) end
    if band(flags, PROGRESS) ~= 0 then call('HDEL', P .. 'pro', id) end
    if band(flags, RESULT) ~= 0 then call('HDEL', P .. 'res', id) end
    if band(flags, REPLAY_OF) ~= 0 then call('HDEL', P .. 'rof', id) end
    if band(flags, REPLAYED_AS) ~= 0 then call('HDEL', P .. 'ras', id) end
  end
  count(ctx, queue_of(row), sub(row, 17, 17), nil)
  put_row(ctx, number, rep('\0', ROW))
  local page = page_of(number)
  dead[page] = (dead[page] or 0) + 1
end

-- ARGV: a state, how long it is kept, most -> how many jobs were forgotten, whether more are over.
local function prune(keys, args)
  local ctx, kept, most = begin(keys, args), tonumber(args[4]), tonumber(args[5])
  local P, key = ctx.P, ctx.P .. 'ended:' .. args[3]
  local numbers, ids, dead, more = call('LRANGE', key, 0, most), {}, {}, 0
  for at, text in ipairs(numbers) do
    local number = number_in(text)
    local row = row_at(ctx, number)
    if scan('>I7', row, 41) + kept > ctx.now then break end
    if at > most then
      more = 1
      break
    end
    ids[at] = sub(row, 1, 16)
    forget(ctx, number, row, dead)
  end
  if #ids == 0 then return { 0, more } end
  call('LTRIM', key, #ids, -1)
  call('HDEL', P .. 'job', unpack(ids))
  if call('EXISTS', P .. 'origins') == 1 then
    for at, known in ipairs(call('HMGET', P .. 'origins', unpack(ids))) do
      if known then forget_origin(ctx, ids[at]) end
    end
  end
  finish(ctx)
  for page, by in pairs(dead) do
    if call('HINCRBY', P .. 'live', page, -by) <= 0 then
      call('HDEL', P .. 'live', page)
      call('ZREM', P .. 'pages', page)
      call('UNLINK', P .. 'r:' .. page)
    end
  end
  return { #ids, more }
end

-- Forgets unique windows that are over. ARGV: most -> how many, whether more are.
local function prune_windows(keys, args)
  local ctx, most = begin(keys, args), tonumber(args[3])
  local key = ctx.P .. 'uw'
  local over = call('ZRANGEBYSCORE', key, '-inf', ctx.now, 'WITHSCORES', 'LIMIT', 0, most)
  for at = 1, #over, 2 do
    local id, whole = sub(over[at], 1, 16), sub(over[at], 17)
    call('ZREM', key, over[at])
    -- Somebody may have taken the key anew since.
    if call('HGET', ctx.P .. 'u', whole) == id .. micros(tonumber(over[at + 1])) then
      call('HDEL', ctx.P .. 'u', whole)
    end
  end
  return { #over / 2, call('ZCOUNT', key, '-inf', ctx.now) > 0 and 1 or 0 }
end
