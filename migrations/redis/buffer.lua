-- Buffers: entries that wait for a destination, and the receipts of those that wait no more.
--   destinations   names       d:NAME  disabled, succeeded, failed
--   bk:NAME        entry id -> its number        bw:NAME  numbers that wait, in order
--   bn             the last number               be       number -> entry: added 7, id 16, origin 17 (its
--                                                         length first), length of the destination 1, that, body;
--                                                         once decided: at 7 .. 'D' or 'R' and why in bf
--   origins        jobs with entries             bo:ID    numbers of entries of a job
--   loose          numbers of receipts that hang on no job, by when they were decided

local function entry_of(ctx, number)
  local text = call('HGET', ctx.P .. 'be', number)
  if not text then return nil end
  local origin = byte(text, 24) == 16 and sub(text, 25, 40) or ''
  local at = byte(text, 24) == 16 and 41 or 25
  local length = byte(text, at)
  return {
    added = when(sub(text, 1, 7)), id = sub(text, 8, 23), origin = origin,
    destination = sub(text, at + 1, at + length), body = sub(text, at + 1 + length),
    head = sub(text, 1, at + length),
  }
end

-- ARGV: destination, entry ids -> how many of them are new, how many wait.
local function count_new(keys, args)
  local P, seen, fresh = keys[1], {}, 0
  local known = call('HMGET', P .. 'bk:' .. args[3], unpack(args, 4))
  for at = 4, #args do
    if not known[at - 3] and not seen[args[at]] then
      seen[args[at]] = true
      fresh = fresh + 1
    end
  end
  return { fresh, call('ZCARD', P .. 'bw:' .. args[3]) }
end

-- ARGV: destination, capacity or -1, then id, origin or '', body of each -> how many wait, and how many
-- would, had there been room.
local function append(keys, args)
  local ctx, name, capacity = begin(keys, args), args[3], tonumber(args[4])
  local P, ids, fresh, seen = ctx.P, {}, {}, {}
  for at = 5, #args, 3 do ids[#ids + 1] = args[at] end
  local waiting = call('ZCARD', P .. 'bw:' .. name)
  if #ids == 0 then return { waiting, waiting } end
  for at, known in ipairs(call('HMGET', P .. 'bk:' .. name, unpack(ids))) do
    if not known and not seen[ids[at]] then
      seen[ids[at]] = true
      fresh[#fresh + 1] = 2 + at * 3
    end
  end
  local after = waiting + #fresh
  if #fresh == 0 then return { waiting, waiting } end
  if capacity >= 0 and after > capacity then return { waiting, after } end
  local number = call('INCRBY', P .. 'bn', #fresh) - #fresh
  local known, entries, line, origins = {}, {}, {}, {}
  for _, at in ipairs(fresh) do
    number = number + 1
    local id, origin = args[at], args[at + 1]
    known[#known + 1], known[#known + 2] = id, number
    line[#line + 1], line[#line + 2] = number, number
    entries[#entries + 1] = number
    entries[#entries + 1] = ctx.now7 .. id .. char(#origin) .. origin .. char(#name) .. name .. args[at + 2]
    if origin ~= '' then
      origins[origin] = origins[origin] or {}
      local of = origins[origin]
      of[#of + 1], of[#of + 2] = number, number
    end
  end
  call('SADD', P .. 'destinations', name)
  many('HSET', P .. 'bk:' .. name, known)
  many('ZADD', P .. 'bw:' .. name, line)
  many('HSET', P .. 'be', entries)
  for origin, of in pairs(origins) do
    call('HSET', P .. 'origins', origin, 1)
    many('ZADD', P .. 'bo:' .. origin, of)
  end
  return { after, after }
end

-- ARGV: destination, most -> id, origin, body, added of each that waits, oldest first.
local function peek(keys, args)
  local ctx, answer = begin(keys, args), {}
  if tonumber(args[4]) == 0 then return answer end
  for _, number in ipairs(call('ZRANGE', ctx.P .. 'bw:' .. args[3], 0, tonumber(args[4]) - 1)) do
    local entry = entry_of(ctx, number)
    answer[#answer + 1] = { entry.id, entry.origin, entry.body, entry.added }
  end
  return answer
end

-- ARGV: destination, then id and 'D', or 'R' and why, of each.
local function resolve(keys, args)
  local ctx, name = begin(keys, args), args[3]
  local P = ctx.P
  for at = 4, #args, 2 do
    local number = call('HGET', P .. 'bk:' .. name, args[at])
    if number and call('ZREM', P .. 'bw:' .. name, number) == 1 then
      local entry = entry_of(ctx, number)
      call('HSET', P .. 'be', number, entry.head)
      call('HSET', P .. 'bf', number, ctx.now7 .. args[at + 1])
      if entry.origin == '' or call('HEXISTS', P .. 'job', entry.origin) == 0 then
        call('ZADD', P .. 'loose', ctx.now, number)
      end
    end
  end
  return 1
end

-- ARGV: a job -> id, destination, fate ('' while it waits), when it was decided or added, of each of
-- its entries.
local function receipts(keys, args)
  local ctx, answer = begin(keys, args), {}
  for _, number in ipairs(call('ZRANGE', ctx.P .. 'bo:' .. args[3], 0, -1)) do
    local entry, fate = entry_of(ctx, number), call('HGET', ctx.P .. 'bf', number)
    local at = fate and when(sub(fate, 1, 7)) or entry.added
    answer[#answer + 1] = { entry.id, entry.destination, fate and sub(fate, 8) or '', at }
  end
  return answer
end

local function forget_entry(ctx, number, entry)
  local P = ctx.P
  call('HDEL', P .. 'bk:' .. entry.destination, entry.id)
  call('HDEL', P .. 'be', number)
  call('HDEL', P .. 'bf', number)
  if entry.origin ~= '' then
    call('ZREM', P .. 'bo:' .. entry.origin, number)
    if call('EXISTS', P .. 'bo:' .. entry.origin) == 0 then call('HDEL', P .. 'origins', entry.origin) end
  end
end

-- Forgets the receipts that hang on a job which is forgotten. What still waits hangs on nothing then.
function forget_origin(ctx, id)
  for _, number in ipairs(call('ZRANGE', ctx.P .. 'bo:' .. id, 0, -1)) do
    if call('HEXISTS', ctx.P .. 'bf', number) == 1 then
      call('ZREM', ctx.P .. 'loose', number)
      forget_entry(ctx, number, entry_of(ctx, number))
    end
  end
end

-- Forgets receipts that hang on no job. ARGV: how long they are kept, most -> how many were looked at,
-- whether there are more.
local function prune_receipts(keys, args)
  local ctx, most = begin(keys, args), tonumber(args[4])
  local P, till = ctx.P, ctx.now - tonumber(args[3])
  local over = call('ZRANGEBYSCORE', P .. 'loose', '-inf', till, 'LIMIT', 0, most)
  for _, number in ipairs(over) do
    call('ZREM', P .. 'loose', number)
    local entry = entry_of(ctx, number)
    -- A job may have been accepted under the id of its origin since: it goes with that.
    if entry and (entry.origin == '' or call('HEXISTS', P .. 'job', entry.origin) == 0) then
      forget_entry(ctx, number, entry)
    end
  end
  return { #over, call('ZCOUNT', P .. 'loose', '-inf', till) > 0 and 1 or 0 }
end

-- ARGV: nothing -> name, how many wait, since when the oldest, then disabled, succeeded, failed of each.
local function destinations(keys, args)
  local ctx, answer = begin(keys, args), {}
  for _, name in ipairs(call('SMEMBERS', ctx.P .. 'destinations')) do
    local told = call('HMGET', ctx.P .. 'd:' .. name, 'disabled', 'succeeded', 'failed')
    local first = call('ZRANGE', ctx.P .. 'bw:' .. name, 0, 0)[1]
    answer[#answer + 1] = {
      name, call('ZCARD', ctx.P .. 'bw:' .. name), first and entry_of(ctx, first).added or -1,
      told[1] or '', told[2] or '', told[3] or '',
    }
  end
  return answer
end

-- ARGV: destination, 'succeeded', 'failed', 'disable' or 'enable', how or why.
local function note(keys, args)
  local ctx = begin(keys, args)
  local key, what = ctx.P .. 'd:' .. args[3], args[4]
  call('SADD', ctx.P .. 'destinations', args[3])
  if what == 'succeeded' then
    call('HSET', key, what, ctx.now7)
  elseif what == 'failed' then
    call('HSET', key, what, ctx.now7 .. args[5])
  elseif what == 'disable' then
    call('HSETNX', key, 'disabled', ctx.now7 .. args[5])
  else
    call('HDEL', key, 'disabled')
  end
  return 1
end
