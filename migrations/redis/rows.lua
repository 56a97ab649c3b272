-- What every function stands on: the call, the keys, rows and pages.
--
-- KEYS[1] is the prefix of every key, `{name}:`: the tag keeps all of it in one slot of a cluster.
-- ARGV[1] is now in microseconds since 1970, or '' for the server's clock. ARGV[2] is who calls, for
-- hints. What follows is told at each function.
--
-- A job has a number, counted up as jobs are accepted, and a row of fixed size at that number's place
-- in a page; so a step of many jobs that stand side by side reads and writes a few pages. What never
-- changes about a job is its body, in the hash `job` by id. Keys:
--   seq                 the last number              r:PAGE      rows
--   pages, live         which pages there are        job, args   bodies; large args
--   qn, kn              numbers of queues, of kinds  c:QUEUE     counts by state, `p` paused since
--   l:QUEUE:PRIORITY    available, numbers in order  f:QUEUE:PRIORITY  handed back, before those
--   due                 scheduled and retryable      ended:STATE numbers as they ended
--   u, uw               unique keys, windows         t:TAG       numbers of jobs with a tag
--   can, res, pro, rof, ras   reasons, results, progress, replays, by id;   e:ID errors
-- A row:
--   1 id 16 | 17 state 1 | 18 worker 4 | 22 nonce 3 | 25 claim 5 | 30 claimed 7 | 37 attempt 2
--   39 flags 1 | 40 crashes 1 | 41 at 7 | 48 queue 2 | 50 kind 2 | 52 priority 1 | 53 traits 1
--   54 accepted 7
-- `at` is when it is due, became available or ended. The token of who holds it, or whose settle was
-- kept last, is 18 to 29.
local ROW, PAGE = 60, 68
local SCHEDULED, AVAILABLE, RUNNING, RETRYABLE = '\1', '\2', '\3', '\4'
local COMPLETED, CANCELLED, DISCARDED = '\5', '\6', '\7'
-- Flags: what hangs on a job.
local UNWANTED, ERRORS, PROGRESS, RESULT, REPLAY_OF, REPLAYED_AS = 1, 2, 4, 8, 16, 32
-- Traits: what it was given.
local UNIQUE, TAGS, LARGE = 1, 2, 4
local NOBODY, NEVER = ('\0'):rep(12), ('\0'):rep(7)

-- Globals are there only once a function runs, and as locals they are found faster.
local call, floor, min, max, sub, byte, char, rep, concat, sort, pack, scan, band, bor
local tonumber, tostring, ipairs, pairs, unpack

local function look_up()
  local all = _G
  call, floor, min, max = redis.call, all.math.floor, all.math.min, all.math.max
  sub, byte, char, rep = all.string.sub, all.string.byte, all.string.char, all.string.rep
  concat, sort, pack, scan = all.table.concat, all.table.sort, all.struct.pack, all.struct.unpack
  band, bor, tonumber, tostring = all.bit.band, all.bit.bor, all.tonumber, all.tostring
  ipairs, pairs, unpack = all.ipairs, all.pairs, all.unpack
end

-- Most values that are given to a command at once.
local MOST = 4000

-- Numbers are kept in lines and sets as six bytes.
local function number6(number) return pack('>I6', number) end
local function number_in(text) return (scan('>I6', text)) end
local function micros(at) return pack('>I7', at) end
local function when(text) return (scan('>I7', text)) end

local function begin(keys, args)
  local now = args[1]
  if now == '' then
    local time = call('TIME')
    now = time[1] * 1000000 + time[2]
  else
    now = tonumber(now)
  end
  return {
    P = keys[1], now = now, now7 = micros(now), origin = args[2],
    pages = {}, changed = {}, moved = {}, lanes = {}, ended = {}, hints = {},
  }
end

local function page_of(number)
  local at = number % PAGE
  return (number - at) / PAGE, at * ROW
end

-- The row at a number; one of nothing but zeros or '' when there is none.
local function row_at(ctx, number)
  local at = number % PAGE
  local page = (number - at) / PAGE
  at = at * ROW
  local changed = ctx.changed[page]
  local row = changed and changed[at]
  if row then return row end
  local text = ctx.pages[page]
  if not text then
    text = call('GET', ctx.P .. 'r:' .. page) or ''
    ctx.pages[page] = text
  end
  return sub(text, at + 1, at + ROW)
end

local function put_row(ctx, number, row)
  local at = number % PAGE
  local page = (number - at) / PAGE
  at = at * ROW
  local changed = ctx.changed[page]
  if not changed then
    changed = { low = at, high = at }
    ctx.changed[page] = changed
  elseif at > changed.high then
    changed.high = at
  elseif at < changed.low then
    changed.low = at
  end
  changed[at] = row
end

-- Makes a page whole, so that it never grows.
local function make_page(ctx, page)
  local key = ctx.P .. 'r:' .. page
  if call('EXISTS', key) == 0 then
    call('SETRANGE', key, PAGE * ROW - 1, '\0')
    call('ZADD', ctx.P .. 'pages', page, page)
  end
  return key
end

-- Writes the rows that changed, each run of neighbours at once.
local function write_rows(ctx)
  for page, changed in pairs(ctx.changed) do
    local key = ctx.P .. 'r:' .. page
    local run, length, start = {}, 0, nil
    for at = changed.low, changed.high + ROW, ROW do
      local row = changed[at]
      if row then
        start = start or at
        length = length + 1
        run[length] = row
      elseif start then
        call('SETRANGE', key, start, concat(run, '', 1, length))
        length, start = 0, nil
      end
    end
  end
end

-- Rows of jobs by id, nil where there is none, and their numbers.
local function find(ctx, id)
  local body = call('HGET', ctx.P .. 'job', id)
  if not body then return nil end
  local number = scan('>I6', body)
  return row_at(ctx, number), number, body
end

local function many(command, key, values)
  for from = 1, #values, MOST do
    call(command, key, unpack(values, from, min(from + MOST - 1, #values)))
  end
end
