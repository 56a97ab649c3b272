-- Hands out jobs, in no order; rows with a slot below zero carry the marks of that want (counted from
-- -1) in kind and its stragglers in opts.
-- $1 now; $2 worker; $3 number of the claim; of each want: $4 queue, $5 at most how many; $6 at most how
-- many in all; of each want: $7 marks and $8 stragglers, null: none are known
select slot, id, queue, attempt, crashes, available_at, claimed_at, accepted_at, kind, args,
  max_attempts, opts, progress
from windlass.claim($1, $2, $3, $4, $5, $6, $7, $8)
