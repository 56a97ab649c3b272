-- Workers: how they register, stay alive, leave, and are shown.

-- ARGV: a nonce of 3 bytes, what it says about itself, lease, queues it serves -> its id.
local function register(keys, args)
  local ctx = begin(keys, args)
  local P, id = ctx.P, call('INCR', ctx.P .. 'wid')
  for at = 6, #args do number_for(ctx, 'qn', args[at]) end
  local expires = ctx.now + tonumber(args[5])
  call('HSET', P .. 'w:' .. id, 'nonce', args[3], 'info', args[4], 'started', ctx.now, 'beat', ctx.now,
    'expires', expires, 'last', 0)
  call('ZADD', P .. 'workers', expires, id)
  return id
end

-- ARGV: worker, nonce, lease, then number and row (29 bytes, as it is while the job runs) and progress
-- by turns -> as `cancels`.
local cancels_of

local function heartbeat(keys, args)
  local ctx, worker = begin(keys, args), args[3]
  if not alive(ctx, worker, args[4]) then return lease_lost(worker) end
  local P, expires = ctx.P, ctx.now + tonumber(args[5])
  call('HSET', P .. 'w:' .. worker, 'beat', ctx.now, 'expires', expires)
  call('ZADD', P .. 'workers', expires, worker)
  for at = 6, #args, 3 do
    local number = tonumber(args[at])
    local row = row_at(ctx, number)
    if sub(row, 1, 29) == args[at + 1] then
      call('HSET', P .. 'pro', sub(row, 1, 16), args[at + 2])
      put_row(ctx, number, with_flag(row, PROGRESS))
    end
  end
  finish(ctx)
  return cancels_of(ctx, worker)
end

function cancels_of(ctx, worker)
  local ids, answer = call('SMEMBERS', ctx.P .. 'cw:' .. worker), {}
  for _, id in ipairs(ids) do
    answer[#answer + 1] = id
    answer[#answer + 1] = sub(call('HGET', ctx.P .. 'can', id) or NEVER, 8)
  end
  return answer
end

-- ARGV: worker -> id and reason of each of its jobs that somebody wants stopped.
local function cancels(keys, args) return cancels_of(begin(keys, args), args[3]) end

-- Ends the attempts that a worker holds, at most so many, by `ends`; answers how many, and whether
-- that leaves nothing of it. What a claim held and let off is passed over and dropped.
local function end_held(ctx, worker, most, ends)
  local P, done = ctx.P, 0
  local claims = call('HKEYS', P .. 'h:' .. worker)
  sort(claims, function(one, other) return tonumber(one) < tonumber(other) end)
  for _, number in ipairs(claims) do
    local token = pack('>I4', tonumber(worker)) .. (call('HGET', P .. 'w:' .. worker, 'nonce') or '')
      .. pack('>I5', tonumber(number))
    local held, ended = held_by(ctx, worker, number), 0
    for at, job in ipairs(held) do
      local place = number_in(job)
      local row = row_at(ctx, place)
      if sub(row, 17, 29) == RUNNING .. token then
        if done == most then
          call('HSET', P .. 'h:' .. worker, number, concat(held, '', at))
          if ended > 0 then let_off(ctx, worker, number, ended) end
          return done, false
        end
        ends(place, row)
        done, ended = done + 1, ended + 1
      end
    end
    if ended > 0 then let_off(ctx, worker, number, ended) end
  end
  return done, true
end

local function strike_off(ctx, worker)
  call('ZREM', ctx.P .. 'workers', worker)
  for _, key in ipairs({ 'w:', 'h:', 'o:', 'cw:' }) do call('DEL', ctx.P .. key .. worker) end
end

-- ARGV: worker, nonce, most -> how many jobs were handed back, whether it has left.
local function leave(keys, args)
  local ctx, worker = begin(keys, args), args[3]
  local nonce = call('HGET', ctx.P .. 'w:' .. worker, 'nonce')
  if not nonce or (args[4] ~= '' and args[4] ~= nonce) then return { 0, 1 } end
  local done, all = end_held(ctx, worker, tonumber(args[5]), function(job, row)
    end_attempt(ctx, job, row, AVAILABLE, 0, false, nil, true)
  end)
  if all then strike_off(ctx, worker) end
  finish(ctx)
  return { done, all and 1 or 0 }
end

-- ARGV: nothing -> id, info, start, beat, expiry, jobs it holds of each worker.
local function workers(keys, args)
  local ctx, answer = begin(keys, args), {}
  for _, id in ipairs(call('ZRANGE', ctx.P .. 'workers', 0, -1)) do
    local running = 0
    for _, open in ipairs(call('HVALS', ctx.P .. 'o:' .. id)) do running = running + tonumber(open) end
    local known = call('HMGET', ctx.P .. 'w:' .. id, 'info', 'started', 'beat', 'expires')
    answer[#answer + 1] = { id, known[1], known[2], known[3], known[4], running }
  end
  return answer
end
