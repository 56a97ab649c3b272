-- Accepts jobs in groups that share queue, priority, limit and due time.
-- $1 now; of each group: $2 how many jobs it has, $3 queue, $4 priority, $5 max_attempts, $6 run_at,
-- $7 delay in microseconds, $8 and $9 the least and the greatest id, null: the first and the last;
-- of each job: $10 id, $11 kind, $12 args, $13 opts, null: none has any; $14 whether one has tags
select windlass.accept_groups($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
