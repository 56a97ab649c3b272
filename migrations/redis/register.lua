-- The functions as clients call them: LIBRARY stands for the name of the library. Loops do without the
-- globals that are not there yet.
local function offer(flags, functions)
  for at = 1, #functions, 2 do
    local callback = functions[at + 1]
    redis.register_function({
      function_name = 'LIBRARY_' .. functions[at],
      callback = function(keys, args)
        if not call then look_up() end
        return callback(keys, args)
      end,
      flags = flags,
    })
  end
end

offer({}, {
  'enqueue', enqueue,
  'record_tick', record_tick,
  'replay', replay,
  'put_schedule', put_schedule,
  'append', append,
  'register', register,
  'elect', elect,
})

-- What goes on when the memory is full: else nothing would ever become free.
offer({ 'allow-oom' }, {
  'claim', claim,
  'settle', settle,
  'heartbeat', heartbeat,
  'leave', leave,
  'promote', promote,
  'rescue', rescue,
  'prune', prune,
  'prune_windows', prune_windows,
  'prune_ticks', prune_ticks,
  'prune_receipts', prune_receipts,
  'cancel', cancel,
  'run_now', run_now,
  'set_paused', set_paused,
  'remove_schedule', remove_schedule,
  'pause_schedule', pause_schedule,
  'resign', resign,
  'resolve', resolve,
  'note', note,
  'look_at_queues', look_at_queues,
})

offer({ 'no-writes' }, {
  'get', get,
  'list', list,
  'queues', queues,
  'workers', workers,
  'cancels', cancels,
  'check_replays', check_replays,
  'schedules', schedules,
  'ticks', ticks,
  'leader', leader,
  'count_new', count_new,
  'peek', peek,
  'receipts', receipts,
  'destinations', destinations,
})
