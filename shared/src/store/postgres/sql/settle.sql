-- Ends attempts: first those that say nothing, claim by claim, then the others one by one.
-- $1 now; of each claim: $2 how many jobs, $3 worker, $4 its number, $5 and $6 the least and the greatest
-- id; of each of their jobs by slot: $7 slot, $8 id; of each other job: $9 worker, $10 claim, $11 slot,
-- $12 id, $13 ending, $14 wait in microseconds, $15 failure, $16 result, $17 progress
select windlass.settle_completed($1, $2, $3, $4, $5, $6, $7, $8),
  windlass.settle_each($1, $9, $10, $11, $12, $13, $14, $15, $16, $17)
