-- Hands out jobs; rows with a slot below zero carry the marks of that want (counted from -1).
select slot, id, queue, attempt, crashes, available_at, claimed_at, accepted_at, kind, args,
  max_attempts, opts, progress
from windlass.claim($1, $2, $3, $4, $5, $6, $7, $8)
