-- Records what became of a tick and enqueues its job when it fires; answers the tick as it is kept,
-- and no row when the schedule is unknown.
-- $1 now, $2 schedule, $3 tick, $4 status, $5 reason; its job, if it fires: $6 id, $7 queue,
-- $8 priority, $9 max_attempts, $10 run_at, $11 delay in microseconds, $12 kind, $13 args, $14 opts
select o_at, o_status, o_job, o_reason, o_recorded_at, o_accepted
from windlass.record_tick($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
