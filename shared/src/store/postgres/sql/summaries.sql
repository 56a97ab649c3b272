-- What a list shows of jobs; of those that are unknown, no row. The first columns are
-- those of details.sql.
-- $1 their ids
select id, kind, queue, priority, max_attempts, accepted_at, tags, replay_of, state, attempt,
  crashes, due_at, claimed_at, ended_at, replayed_as, error_attempt, error_at, error_worker,
  error_failure
from windlass.summaries($1)
