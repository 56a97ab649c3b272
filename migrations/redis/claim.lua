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

-- What a worker is answered: the rows of its jobs as one string, the progress that few of them have
-- (the place, and that), and how many each want was given: nothing when this repeats what was told
-- before. The bodies it reads itself: commands do that faster than a function.
local function answer_of() return { rows = {}, more = {}, counts = {} } end

local function tell(ctx, answer, row)
  local at = #answer.rows + 1
  answer.rows[at] = row
  if band(byte(row, 39), PROGRESS) ~= 0 then
    answer.more[#answer.more + 1] = { at - 1, call('HGET', ctx.P .. 'pro', sub(row, 1, 16)) }
  end
end

local function told(answer) return { concat(answer.rows), answer.more, answer.counts } end

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
  local left, token, first, numbers = most, grant.token, grant.first, grant.numbers
  for priority = 0, 9 do
    local lane = queue .. ':' .. priority
    while left > 0 do
      local taken = take(ctx, lane, left)
      if #taken == 0 then break end
      local held = #numbers
      for _, own in ipairs(taken) do
        local number = number_in(own)
        local row = row_at(ctx, number)
        -- What was cancelled meanwhile is left in its line, and forgotten here.
        if byte(row, 17) == 2 then
          local high, low = byte(row, 37, 38)
          local running
          if high + low == 0 then
            running = sub(row, 1, 16) .. first .. sub(row, 39)
          else
            local attempt = high * 256 + low + 1
            running = sub(row, 1, 16) .. token .. char(floor(attempt / 256), attempt % 256) .. sub(row, 39)
          end
          put_row(ctx, number, running)
          if byte(row, 53) % 2 == UNIQUE then let_go(ctx, row, UNTIL_STARTED) end
          tell(ctx, answer, running)
          numbers[#numbers + 1] = own
        end
      end
      held = #numbers - held
      left = left - held
      if held > 0 then count(ctx, queue, AVAILABLE, RUNNING, held) end
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
      if sub(row, 17, 29) == token then tell(ctx, answer, row) end
    end
    return told(answer)
  end
  local grant = { token = token .. ctx.now7, first = token .. ctx.now7 .. '\0\1', numbers = {} }
  local left = tonumber(args[7])
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
