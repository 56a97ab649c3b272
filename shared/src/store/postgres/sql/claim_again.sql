-- What a worker still holds of one of its claims, in no order.
-- $1 worker; $2 number of the claim
select slot, id, queue, attempt, crashes, available_at, claimed_at, accepted_at, kind, args,
  max_attempts, opts, progress
from windlass.held($1, $2)
