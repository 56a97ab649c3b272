-- How attempts end: by a settle, or with the registration of their worker.

-- Keeps what went wrong with the attempt of a running job; of many errors the newest.
local function keep_error(ctx, row, failure)
  local key = ctx.P .. 'e:' .. sub(row, 1, 16)
  local attempt = byte(row, 37) * 256 + byte(row, 38)
  call('RPUSH', key, pack('>I4', attempt) .. ctx.now7 .. sub(row, 18, 21) .. failure)
  call('LTRIM', key, -50, -1)
end

local function with_flag(row, flag)
  return sub(row, 1, 38) .. char(bor(byte(row, 39), flag)) .. sub(row, 40)
end

-- Ends the attempt of a running job; answers the state it is in now.
-- to: COMPLETED, CANCELLED, DISCARDED; RETRYABLE or SCHEDULED after `wait`; AVAILABLE: back to its place.
-- forgets: whether the token counts as one that was taken away.
local function end_attempt(ctx, number, row, to, wait, counted, failure, forgets)
  local P, flags, queue = ctx.P, byte(row, 39), queue_of(row)
  local id, worker = sub(row, 1, 16), scan('>I4', row, 18)
  if failure then
    keep_error(ctx, row, failure)
    flags = bor(flags, ERRORS)
  end
  local attempt = byte(row, 37) * 256 + byte(row, 38)
  if not counted then attempt = attempt - 1 end
  if band(flags, UNWANTED) ~= 0 then
    call('SREM', P .. 'cw:' .. worker, id)
    if to == RETRYABLE or to == SCHEDULED or to == AVAILABLE then to = CANCELLED end
  end
  local at7, claimed7 = ctx.now7, NEVER
  if byte(to) >= 5 then
    claimed7 = sub(row, 30, 36)
    local line = ctx.ended[to] or {}
    line[#line + 1] = number6(number)
    ctx.ended[to] = line
    if band(byte(row, 53), UNIQUE) ~= 0 then let_go(ctx, row) end
  elseif to == AVAILABLE then
    at7 = sub(row, 41, 47)
    call('ZADD', P .. 'f:' .. lane_of(row), when(at7), number6(number))
  elseif wait > 0 then
    at7 = micros(ctx.now + wait)
    call('ZADD', P .. 'due', ctx.now + wait, number6(number))
    ctx.hints['scheduled'] = true
  else
    to = AVAILABLE
    line_up(ctx, lane_of(row), number6(number))
  end
  count(ctx, queue, RUNNING, to)
  local token = forgets and NOBODY or sub(row, 18, 29)
  put_row(ctx, number, id .. to .. token .. claimed7 .. char(floor(attempt / 256), attempt % 256, flags)
    .. sub(row, 40, 40) .. at7 .. sub(row, 48))
  return to
end

-- How an attempt may end; 16 more: its progress comes with it.
local COMPLETE, COMPLETE_WITH, RETRY, SNOOZE, CANCEL, DISCARD, RELEASE = 0, 1, 2, 3, 4, 5, 6

-- Ends one attempt whose token is held. Its values stand in ARGV from `at` on; answers the state and
-- where the next values stand.
local function settle_one(ctx, number, row, code, args, at)
  local id = sub(row, 1, 16)
  if code >= 16 then
    call('HSET', ctx.P .. 'pro', id, args[at])
    row, code, at = with_flag(row, PROGRESS), code - 16, at + 1
  end
  if code == COMPLETE then return end_attempt(ctx, number, row, COMPLETED, 0, true), at end
  if code == COMPLETE_WITH then
    call('HSET', ctx.P .. 'res', id, args[at])
    return end_attempt(ctx, number, with_flag(row, RESULT), COMPLETED, 0, true), at + 1
  end
  if code == RETRY or code == SNOOZE then
    local to = code == RETRY and RETRYABLE or SCHEDULED
    local failure = args[at + 1] ~= '' and args[at + 1] or nil
    return end_attempt(ctx, number, row, to, tonumber(args[at]), code == RETRY, failure), at + 2
  end
  if code == CANCEL then return end_attempt(ctx, number, row, CANCELLED, 0, true, args[at]), at + 1 end
  if code == DISCARD then return end_attempt(ctx, number, row, DISCARDED, 0, true, args[at]), at + 1 end
  return end_attempt(ctx, number, row, AVAILABLE, 0, false), at
end

local VALUES = {
  [COMPLETE] = 0, [COMPLETE_WITH] = 1, [RETRY] = 2, [SNOOZE] = 2, [CANCEL] = 1, [DISCARD] = 1, [RELEASE] = 0,
}

-- Ends the attempts of the jobs of one claim. heads: 23 bytes of each, its number 6, its id 16, code 1.
-- Appends a byte for each to the answer: the state it is in now, 'R' kept before, 'F' fenced. Answers
-- where the next values stand.
local function settle_claim(ctx, token, heads, args, at, answer)
  local held, off, completed = RUNNING .. token, 0, {}
  local line = ctx.ended[COMPLETED] or {}
  ctx.ended[COMPLETED] = line
  for from = 1, #heads, 23 do
    local number, id, code = scan('>I6', heads, from), sub(heads, from + 6, from + 21), byte(heads, from + 22)
    local row = row_at(ctx, number)
    local same = sub(row, 1, 16) == id
    if same and sub(row, 17, 29) == held then
      off = off + 1
      if code == COMPLETE and byte(row, 39) == 0 and byte(row, 53) % 2 ~= UNIQUE then
        -- What most jobs do.
        put_row(ctx, number, id .. COMPLETED .. sub(row, 18, 40) .. ctx.now7 .. sub(row, 48))
        line[#line + 1] = sub(heads, from, from + 5)
        local queue = sub(row, 48, 49)
        completed[queue] = (completed[queue] or 0) + 1
        answer[#answer + 1] = COMPLETED
      else
        answer[#answer + 1], at = settle_one(ctx, number, row, code, args, at)
      end
    else
      answer[#answer + 1] = same and sub(row, 18, 29) == token and 'R' or 'F'
      if code >= 16 then at, code = at + 1, code - 16 end
      at = at + VALUES[code]
    end
  end
  for queue, by in pairs(completed) do count(ctx, scan('>I2', queue), RUNNING, COMPLETED, by) end
  if off > 0 then let_off(ctx, ('%d'):format(scan('>I4', token)), ('%d'):format(scan('>I5', token, 8)), off) end
  return at
end

-- ARGV: how many claims, of each its token (12 bytes, as rows have it) and heads, then the values of all
-- jobs in turn: progress, then result, or wait and failure, or failure -> as settle_claim appends it.
local function settle(keys, args)
  local ctx, answer = begin(keys, args), {}
  local last = 3 + tonumber(args[3]) * 2
  local at = last + 1
  for claimed = 4, last, 2 do
    at = settle_claim(ctx, args[claimed], args[claimed + 1], args, at, answer)
  end
  if #ctx.ended[COMPLETED] == 0 then ctx.ended[COMPLETED] = nil end
  finish(ctx)
  return concat(answer)
end
