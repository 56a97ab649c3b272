-- How jobs are handed out, and who holds them.
--   workers   ids by when their lease ends     w:ID  what a worker said; start, beat, expires, last, nonce
--   h:ID      claim -> the numbers it handed out, 6 bytes each       o:ID  claim -> how many are still held
--   cw:ID     ids of its jobs that somebody wants stopped

-- The registration of a worker whose lease has not expired; the nonce is '' when the caller has none.
local function alive(ctx, worker, nonce)
  local told = call('HMGET', ctx.P .. 'w:' .. worker, 'expires', 'nonce', 'last')
  if not told[1] or tonumber(told[1]) <= ctx.now or (nonce ~= '' and nonce ~= told[2]) then return nil end
  return told[2], tonumber(told[3])
end

local function lease_lost(worker) return redis.error_reply('LEASELOST ' .. worker) end

-- What a worker is answered: the rows of its jobs as one string, their bodies, whatever few of them
-- have (its place, 'A' large args or 'P' progress, and that), and how many each want was given: nothing
-- when this repeats what was told before.
local function answer_of() return { rows = {}, bodies = {}, more = {}, counts = {} } end

local function tell(ctx, answer, row, body)
  local at = #answer.rows + 1
  answer.rows[at], answer.bodies[at] = row, body
  local flags, traits = byte(row, 39), byte(row, 53)
  if flags == 0 and traits == 0 then return end
  local id, more = sub(row, 1, 16), answer.more
  if band(traits, LARGE) ~= 0 then more[#more + 1] = { at - 1, 'A', call('HGET', ctx.P .. 'args', id) } end
  if band(flags, PROGRESS) ~= 0 then more[#more + 1] = { at - 1, 'P', call('HGET', ctx.P .. 'pro', id) } end
end

local function told(answer) return { concat(answer.rows), answer.bodies, answer.more, answer.counts } end

-- The numbers that a worker may still hold by one claim.
local function held_by(ctx, worker, claim)
  local text, numbers = call('HGET', ctx.P .. 'h:' .. worker, claim) or '', {}
  for at = 1, #text, 6 do numbers[#numbers + 1] = sub(text, at, at + 5) end
  return numbers
end

-- Notes that so many jobs of a claim are held no more.
local function let_off(ctx, worker, claim, by)
  if call('HINCRBY', ctx.P .. 'o:' .. worker, claim, -by) <= 0 then
    call('HDEL', ctx.P .. 'o:' .. worker, claim)
    call('HDEL', ctx.P .. 'h:' .. worker, claim)
  end
end

-- Takes the next numbers of a lane, at most so many: first those that were handed back.
local function take(ctx, lane, most)
  local numbers = {}
  local back = call('ZPOPMIN', ctx.P .. 'f:' .. lane, most)
  if #back == 0 then return call('LPOP', ctx.P .. 'l:' .. lane, most) or numbers end
  for at = 1, #back, 2 do numbers[#numbers + 1] = back[at] end
  return numbers
end

-- Hands out what is available in a queue, at most so many; answers how many.
local function hand_out(ctx, grant, queue, most, answer)
  local P, left, token, numbers = ctx.P, most, grant.token, grant.numbers
  for priority = 0, 9 do
    local lane = queue .. ':' .. priority
    while left > 0 do
      local taken = take(ctx, lane, left)
      if #taken == 0 then break end
      local rows, ids, held = {}, {}, #numbers
      for _, number in ipairs(taken) do
        local row = row_at(ctx, number_in(number))
        -- What was cancelled meanwhile is left in its line, and forgotten here.
        if byte(row, 17) == 2 then
          rows[#rows + 1], ids[#ids + 1], numbers[#numbers + 1] = row, sub(row, 1, 16), number
        end
      end
      if #ids > 0 then
        local bodies = call('HMGET', P .. 'job', unpack(ids))
        for at, row in ipairs(rows) do
          local high, low = byte(row, 37, 38)
          low = low + 1
          if low == 256 then high, low = high + 1, 0 end
          local running = ids[at] .. token .. char(high, low) .. sub(row, 39)
          put_row(ctx, number_in(numbers[held + at]), running)
          if byte(row, 53) % 2 == UNIQUE then let_go(ctx, row, UNTIL_STARTED) end
          tell(ctx, answer, running, bodies[at])
        end
        left = left - #ids
        count(ctx, queue, AVAILABLE, RUNNING, #ids)
      end
    end
  end
  return most - left
end

-- ARGV: worker, nonce, claim, '1' to go on with a claim, most in all, then queue and most from it by
-- turns -> as told by `told`.
local function claim(keys, args)
  local ctx, worker, number = begin(keys, args), args[3], args[5]
  local nonce, last = alive(ctx, worker, args[4])
  if not nonce then return lease_lost(worker) end
  local P, answer, asked = ctx.P, answer_of(), tonumber(number)
  if asked < last then return told(answer) end
  local token = RUNNING .. pack('>I4', tonumber(worker)) .. nonce .. pack('>I5', asked)
  if asked == last and args[6] == '' then
    for _, held in ipairs(held_by(ctx, worker, number)) do
      local row = row_at(ctx, number_in(held))
      if sub(row, 17, 29) == token then tell(ctx, answer, row, call('HGET', P .. 'job', sub(row, 1, 16))) end
    end
    return told(answer)
  end
  local grant, left = { token = token .. ctx.now7, numbers = {} }, tonumber(args[7])
  for at = 8, #args, 2 do
    local queue = number_of(ctx, 'qn', args[at])
    local most, given = min(left, tonumber(args[at + 1])), 0
    if queue and most > 0 then
      local known = call('HMGET', P .. 'c:' .. queue, 2, 'p')
      local taken = -((ctx.moved[queue] or {})[AVAILABLE] or 0)
      if not known[2] and (tonumber(known[1]) or 0) > taken then
        given = hand_out(ctx, grant, queue, most, answer)
        left = left - given
      end
    end
    answer.counts[#answer.counts + 1] = given
  end
  local numbers = grant.numbers
  if #numbers == 0 then return told(answer) end
  local texts = { call('HGET', P .. 'h:' .. worker, number) or '' }
  for at, held in ipairs(numbers) do texts[at + 1] = held end
  call('HSET', P .. 'h:' .. worker, number, concat(texts))
  call('HINCRBY', P .. 'o:' .. worker, number, #numbers)
  call('HSET', P .. 'w:' .. worker, 'last', number)
  finish(ctx)
  return told(answer)
end
