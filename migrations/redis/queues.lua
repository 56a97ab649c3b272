-- Queues: their numbers, their counts, the lanes in which jobs are available, and hints.

-- The number of a queue or kind that is known.
local function number_of(ctx, names, name)
  local known = call('HGET', ctx.P .. names, name)
  return known and tonumber(known)
end

-- The number of a queue or kind, which is known from now on.
local function number_for(ctx, names, name)
  local known = number_of(ctx, names, name)
  if known then return known end
  known = call('HLEN', ctx.P .. names) + 1
  call('HSET', ctx.P .. names, name, known)
  return known
end

local function queue_of(row) return (byte(row, 48)) * 256 + byte(row, 49) end
local function lane_of(row) return queue_of(row) .. ':' .. byte(row, 52) end

-- Notes that a job of a queue, or so many, changed its state; nil: it came, or it was forgotten.
local function count(ctx, queue, from, to, by)
  by = by or 1
  local moved = ctx.moved[queue]
  if not moved then
    moved = {}
    ctx.moved[queue] = moved
  end
  if from then moved[from] = (moved[from] or 0) - by end
  if to then moved[to] = (moved[to] or 0) + by end
end

-- Puts a job behind all that are available in its lane.
local function line_up(ctx, lane, number6)
  local line = ctx.lanes[lane]
  if not line then
    line = {}
    ctx.lanes[lane] = line
  end
  line[#line + 1] = number6
end

-- Keeps what the call changed: rows, lines, counts, ends; then tells who listens.
local function finish(ctx)
  local P = ctx.P
  write_rows(ctx)
  for lane, line in pairs(ctx.lanes) do many('RPUSH', P .. 'l:' .. lane, line) end
  for state, line in pairs(ctx.ended) do
    many('RPUSH', P .. 'ended:' .. byte(state), line)
    ctx.hints['ended'] = true
  end
  local opened
  for queue, moved in pairs(ctx.moved) do
    for state, by in pairs(moved) do
      if by ~= 0 then
        local left = call('HINCRBY', P .. 'c:' .. queue, byte(state), by)
        if state == AVAILABLE and by > 0 and left == by then
          opened = opened or {}
          opened[queue] = true
        end
      end
    end
  end
  if opened then
    local names = call('HGETALL', P .. 'qn')
    for at = 1, #names, 2 do
      if opened[tonumber(names[at + 1])] then ctx.hints['available ' .. names[at]] = true end
    end
  end
  for hint in pairs(ctx.hints) do call('SPUBLISH', P .. 'hints', ctx.origin .. ' ' .. hint) end
end
