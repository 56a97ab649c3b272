-- How jobs come in: by an enqueue, a tick, or the replay of a dead letter.
--
-- A body: number 6 | length of the meta 2 | meta | content type and args, unless those are large.
-- The meta begins: length of the unique key 1, and if there is one its policy 1, its window 7 and
-- itself; the number of tags 1, and each with its length 1. The rest is for the clients, and for who
-- replays it in another trace.
local UNTIL_STARTED, UNTIL_FINISHED, WINDOW = 1, 2, 3

-- The unique key of a body whose meta begins at `at`, its policy and its window.
local function unique_of(body, at)
  local length = byte(body, at)
  if length == 0 then return nil end
  return sub(body, at + 9, at + 8 + length), byte(body, at + 1), when(sub(body, at + 2, at + 8))
end

local function tags_of(body)
  local length, tags = byte(body, 9), {}
  local at = length == 0 and 10 or 18 + length
  local left = byte(body, at)
  at = at + 1
  while left > 0 do
    local size = byte(body, at)
    tags[#tags + 1] = sub(body, at + 1, at + size)
    at, left = at + 1 + size, left - 1
  end
  return tags
end

-- Lets go of a job's unique key, if it is still its own and the policy is one of `when_held`.
local function let_go(ctx, row, policy)
  local id = sub(row, 1, 16)
  local key, own = unique_of(call('HGET', ctx.P .. 'job', id), 9)
  if own == WINDOW or (policy and own ~= policy) then return end
  local whole = sub(row, 48, 51) .. key
  local held = call('HGET', ctx.P .. 'u', whole)
  if held and sub(held, 1, 16) == id then call('HDEL', ctx.P .. 'u', whole) end
end

-- Takes the unique key of a job; answers the id of another that holds it, unless that is its heir's.
local function take_key(ctx, kind_of, id, body, heir_of)
  local key, policy, window = unique_of(body, 3)
  local queue, kind = number_of(ctx, 'qn', kind_of.queue), number_of(ctx, 'kn', kind_of.kind)
  if queue and kind then
    local held = call('HGET', ctx.P .. 'u', pack('>I2I2', queue, kind) .. key)
    if held then
      local holder, till = sub(held, 1, 16), when(sub(held, 17))
      if (till == 0 or ctx.now < till) and holder ~= heir_of then return holder end
    end
  end
  queue, kind = number_for(ctx, 'qn', kind_of.queue), number_for(ctx, 'kn', kind_of.kind)
  local whole, till = pack('>I2I2', queue, kind) .. key, 0
  if policy == WINDOW then
    till = ctx.now + window
    call('ZADD', ctx.P .. 'uw', till, id .. whole)
  end
  call('HSET', ctx.P .. 'u', whole, id .. micros(till))
end

-- A sort of jobs: what many of one call have in common.
local function sort_of(queue, kind, priority, traits)
  return { queue = queue, kind = kind, priority = priority, traits = traits }
end

-- Knows the queue and the kind of a sort from now on.
local function know(ctx, sort)
  local queue = number_for(ctx, 'qn', sort.queue)
  sort.number, sort.lane = queue, queue .. ':' .. sort.priority
  sort.tail = pack('>I2I2', queue, number_for(ctx, 'kn', sort.kind)) .. char(sort.priority, sort.traits) .. ctx.now7
  return sort.tail
end

-- What jobs of a call are made of, by their places in it: ids that differ, sorts, when each is due (nil:
-- at once), bodies (without a number), large args, the dead letters that they are new runs of.
local function batch()
  return { ids = {}, sorts = {}, dues = {}, bodies = {}, args = {}, heirs = {} }
end

-- Decides which jobs of a batch are new. Verdicts: 'N' new and available, 'S' new and scheduled,
-- 'R' known already, 'D' its unique key is held, by whom the second answer tells in order.
local function judge(ctx, jobs)
  local verdicts, holders, dues, now = {}, {}, jobs.dues, ctx.now
  local known = call('HMGET', ctx.P .. 'job', unpack(jobs.ids))
  for at, kind_of in ipairs(jobs.sorts) do
    if known[at] then
      verdicts[at] = 'R'
    else
      local due = dues[at]
      verdicts[at] = due and due > now and 'S' or 'N'
      if kind_of.traits % 2 == UNIQUE then
        local holder = take_key(ctx, kind_of, jobs.ids[at], jobs.bodies[at], jobs.heirs[at])
        if holder then
          verdicts[at] = 'D'
          holders[#holders + 1] = holder
        end
      end
    end
  end
  return verdicts, holders
end

-- What few jobs have: tags, large args, a dead letter behind them.
local function keep_more(ctx, jobs, at, number, body)
  local P, id, traits = ctx.P, jobs.ids[at], jobs.sorts[at].traits
  if band(traits, TAGS) ~= 0 then
    for _, tag in ipairs(tags_of(body)) do call('ZADD', P .. 't:' .. tag, number, sub(body, 1, 6)) end
  end
  if band(traits, LARGE) ~= 0 then call('HSET', P .. 'args', id, jobs.args[at]) end
  if jobs.heirs[at] then call('HSET', P .. 'rof', id, jobs.heirs[at]) end
end

local NEW = NOBODY .. NEVER .. ('\0'):rep(2)

-- Accepts the jobs of a batch that are new; answers as `judge`. The caller finishes the call.
local function accept(ctx, jobs)
  if #jobs.ids == 0 then return {}, {} end
  local verdicts, holders = judge(ctx, jobs)
  local ids, sorts, bodies, dues, heirs = jobs.ids, jobs.sorts, jobs.bodies, jobs.dues, jobs.heirs
  local fresh, places = 0, {}
  for at = 1, #ids do
    local verdict = verdicts[at]
    if verdict == 'N' or verdict == 'S' then
      fresh = fresh + 1
      places[fresh] = at
    end
  end
  if fresh == 0 then return verdicts, holders end
  local P = ctx.P
  local first = call('INCRBY', P .. 'seq', fresh) - fresh + 1
  local kept, rows, scheduled = {}, {}, {}
  local high, high_of = nil, -1
  local at_once = AVAILABLE .. NEW .. '\0\0' .. ctx.now7
  for place = 1, fresh do
    local at, number = places[place], first + place - 1
    local id, kind_of = ids[at], sorts[at]
    local tail = kind_of.tail or know(ctx, kind_of)
    local low = number % 256
    if number - low ~= high_of then
      high_of = number - low
      high = pack('>I5', high_of / 256)
    end
    local own = high .. char(low)
    local body = own .. bodies[at]
    kept[place * 2 - 1], kept[place * 2] = id, body
    if verdicts[at] == 'N' then
      if heirs[at] then
        rows[place] = id .. AVAILABLE .. NEW .. char(REPLAY_OF) .. '\0' .. ctx.now7 .. tail
      else
        rows[place] = id .. at_once .. tail
      end
      kind_of.fresh = (kind_of.fresh or 0) + 1
      local line = ctx.lanes[kind_of.lane]
      if not line then
        line = {}
        ctx.lanes[kind_of.lane] = line
      end
      line[#line + 1] = own
    else
      rows[place] = id .. SCHEDULED .. NEW .. '\0\0' .. micros(dues[at]) .. tail
      scheduled[#scheduled + 1], scheduled[#scheduled + 2] = dues[at], own
      count(ctx, kind_of.number, nil, SCHEDULED)
    end
    if kind_of.traits >= TAGS or heirs[at] then keep_more(ctx, jobs, at, number, body) end
  end
  for place = 1, fresh do
    local kind_of = sorts[places[place]]
    if kind_of.fresh then
      count(ctx, kind_of.number, nil, AVAILABLE, kind_of.fresh)
      kind_of.fresh = nil
    end
  end
  many('HSET', P .. 'job', kept)
  if #scheduled > 0 then
    many('ZADD', P .. 'due', scheduled)
    ctx.hints['scheduled'] = true
  end
  local place = 1
  while place <= fresh do
    local page, at = page_of(first + place - 1)
    local last = min(fresh, place + PAGE - at / ROW - 1)
    call('SETRANGE', make_page(ctx, page), at, concat(rows, '', place, last))
    call('HINCRBY', P .. 'live', page, last - place + 1)
    ctx.pages[page] = nil
    place = last + 1
  end
  return verdicts, holders
end

-- Reads the sorts of a call from ARGV, their number first, each of its queue, its kind, and its
-- priority and traits in two bytes; answers where the next value stands.
local function read_sorts(args, at)
  local sorts = {}
  local last = at + tonumber(args[at]) * 3
  for of = at + 1, last, 3 do
    sorts[#sorts + 1] = sort_of(args[of], args[of + 1], byte(args[of + 2], 1, 2))
  end
  return sorts, last + 1
end

-- Reads a job into a batch: its head (id 16, place of its sort 2, then nothing, or how it is due 1, 'I'
-- after or 'A' at, and that 7), its body, its args if those are large.
local function read_job(ctx, jobs, sorts, args, at)
  local head = args[at]
  local high, low, how = byte(head, 17, 19)
  local place, kind_of = #jobs.ids + 1, sorts[high * 256 + low]
  jobs.ids[place], jobs.sorts[place], jobs.bodies[place] = sub(head, 1, 16), kind_of, args[at + 1]
  if how then
    local due = scan('>I7', head, 20)
    jobs.dues[place] = how == 73 and ctx.now + due or due
  end
  if kind_of.traits < LARGE then return at + 2 end
  jobs.args[place] = args[at + 2]
  return at + 3
end

-- ARGV: sorts, then jobs -> verdicts as one string, then holders.
local function enqueue(keys, args)
  local ctx, jobs = begin(keys, args), batch()
  local sorts, at = read_sorts(args, 3)
  while at <= #args do at = read_job(ctx, jobs, sorts, args, at) end
  local verdicts, holders = accept(ctx, jobs)
  finish(ctx)
  return { concat(verdicts), unpack(holders) }
end
