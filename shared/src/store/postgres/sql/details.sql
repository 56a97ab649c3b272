-- Everything known about jobs; of those that are unknown, no row.
-- $1 their ids
select id, kind, queue, priority, max_attempts, accepted_at, tags, replay_of, state, attempt,
  crashes, due_at, claimed_at, ended_at, replayed_as, args, opts, result, worker_id, progress,
  cancel_at, cancel_reason, error_attempts, error_ats, error_workers, error_failures
from windlass.details($1)
