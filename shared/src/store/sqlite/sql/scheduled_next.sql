-- When the next job is due; null: none waits for its time.
-- by the start of the index on run_at
select min(run_at)
from scheduled
