-- How jobs and queues are looked at.

local function or_nothing(value) return value or '' end

local function errors_of(ctx, row, from)
  if band(byte(row, 39), ERRORS) == 0 then return {} end
  return call('LRANGE', ctx.P .. 'e:' .. sub(row, 1, 16), from, -1)
end

local function hangs(ctx, row, flag, key)
  if band(byte(row, 39), flag) == 0 then return '' end
  return or_nothing(call('HGET', ctx.P .. key, sub(row, 1, 16)))
end

-- row, body, last error, replay of, replayed as
local function summary(ctx, row, body)
  return {
    row, body, errors_of(ctx, row, -1),
    hangs(ctx, row, REPLAY_OF, 'rof'), hangs(ctx, row, REPLAYED_AS, 'ras'),
  }
end

-- ARGV: ids -> for each nothing, or row, body, errors, replay of, replayed as, large args, progress,
-- result, when and why somebody wanted it stopped.
local function get(keys, args)
  local ctx, answer = begin(keys, args), {}
  for at = 3, #args do
    local row, _, body = find(ctx, args[at])
    local job = {}
    if row then
      job = summary(ctx, row, body)
      job[3] = errors_of(ctx, row, 0)
      job[6] = band(byte(row, 53), LARGE) ~= 0 and call('HGET', ctx.P .. 'args', args[at]) or ''
      job[7] = hangs(ctx, row, PROGRESS, 'pro')
      job[8] = hangs(ctx, row, RESULT, 'res')
      job[9] = hangs(ctx, row, UNWANTED, 'can')
    end
    answer[#answer + 1] = job
  end
  return answer
end

local function set_of(ctx, names, args, at)
  local set, any = {}, tonumber(args[at]) > 0
  for place = at + 1, at + tonumber(args[at]) do
    set[number_of(ctx, names, args[place]) or 0] = true
  end
  return any and set or nil, at + 1 + tonumber(args[at])
end

-- What a list lets through, as far as a row tells.
local function filter_of(ctx, args, at)
  local filter = {
    states = args[at], open = args[at + 1] == '1',
    from = tonumber(args[at + 2]), before = tonumber(args[at + 3]), tag = args[at + 4],
  }
  filter.queues, at = set_of(ctx, 'qn', args, at + 5)
  filter.kinds = set_of(ctx, 'kn', args, at)
  return filter
end

local function fits(filter, row)
  local states = filter.states
  if states ~= '' and not states:find(sub(row, 17, 17), 1, true) then return false end
  if filter.queues and not filter.queues[queue_of(row)] then return false end
  if filter.kinds and not filter.kinds[scan('>I2', row, 50)] then return false end
  local accepted = scan('>I7', row, 54)
  if filter.from and accepted < filter.from then return false end
  if filter.before and accepted >= filter.before then return false end
  return not (filter.open and band(byte(row, 39), REPLAYED_AS) ~= 0)
end

-- Numbers below one, newest first, at most so many, each with its row: of all jobs.
local function newest(ctx, below, most)
  local found = {}
  local page = floor((below - 1) / PAGE)
  local left = most
  while left > 0 do
    local pages = call('ZREVRANGEBYSCORE', ctx.P .. 'pages', page, '-inf', 'LIMIT', 0, 16)
    if #pages == 0 then return found, false end
    for _, text in ipairs(pages) do
      page = tonumber(text)
      for number = min(page * PAGE + PAGE - 1, below - 1), page * PAGE, -1 do
        local row = row_at(ctx, number)
        if #row == ROW and byte(row, 17) ~= 0 then
          found[#found + 1] = { number, row }
          left = left - 1
          if left == 0 then return found, true end
        end
      end
      ctx.pages[page] = nil
    end
    page = page - 1
  end
  return found, true
end

-- The same of jobs with a tag.
local function newest_tagged(ctx, tag, below, most)
  local found = {}
  local key = ctx.P .. 't:' .. tag
  local numbers = call('ZREVRANGEBYSCORE', key, ('(%.0f'):format(below), '-inf', 'LIMIT', 0, most)
  for _, text in ipairs(numbers) do
    local number = number_in(text)
    found[#found + 1] = { number, row_at(ctx, number) }
  end
  return found, #numbers == most
end

-- ARGV: below which number, most to look at, most to find, then the filter: a byte for each state, '1'
-- for open dead letters alone, accepted from, accepted before, tag, how many queues and
-- their names, how many kinds and their names -> the last number looked at, whether there is more,
-- and what was found, as summaries.
local function list(keys, args)
  local ctx = begin(keys, args)
  local below, most, limit = tonumber(args[3]), tonumber(args[4]), tonumber(args[5])
  local filter = filter_of(ctx, args, 6)
  local found, more
  if filter.tag == '' then
    found, more = newest(ctx, below, most + 1)
  else
    found, more = newest_tagged(ctx, filter.tag, below, most + 1)
  end
  local answer, last = { 0, 0 }, below
  for at, one in ipairs(found) do
    if at > most or #answer == limit + 2 then
      answer[2] = 1
      break
    end
    last = one[1]
    if fits(filter, one[2]) then
      local body = call('HGET', ctx.P .. 'job', sub(one[2], 1, 16))
      answer[#answer + 1] = summary(ctx, one[2], body)
    end
  end
  answer[1] = last
  return answer
end

-- ARGV: nothing -> name and number of each queue.
local function queues(keys, args) return call('HGETALL', keys[1] .. 'qn') end

-- Since when the oldest job of a lane is available. What was cancelled is dropped
-- from the head of its line.
local function oldest(ctx, lane)
  local back = call('ZRANGE', ctx.P .. 'f:' .. lane, 0, 0, 'WITHSCORES')
  local first = tonumber(back[2])
  local key = ctx.P .. 'l:' .. lane
  for _ = 1, 1000 do
    local number = call('LINDEX', key, 0)
    if not number then return first end
    local row = row_at(ctx, number_in(number))
    if byte(row, 17) == 2 then
      local since = scan('>I7', row, 41)
      return first and min(first, since) or since
    end
    call('LPOP', key)
  end
  return first
end

-- ARGV: numbers of queues -> of each since when it is paused, its counts by state, and since when its
-- oldest available job is.
local function look_at_queues(keys, args)
  local ctx, answer = begin(keys, args), {}
  for at = 3, #args do
    local counts = call('HMGET', ctx.P .. 'c:' .. args[at], 'p', 1, 2, 3, 4, 5, 6, 7)
    local first
    if (tonumber(counts[3]) or 0) > 0 then
      for priority = 0, 9 do
        local since = oldest(ctx, args[at] .. ':' .. priority)
        if since then first = min(first or since, since) end
      end
    end
    for place = 1, 8 do counts[place] = or_nothing(counts[place]) end
    counts[9] = first or -1
    answer[#answer + 1] = counts
  end
  return answer
end
