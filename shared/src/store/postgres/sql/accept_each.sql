-- Accepts jobs one by one.
-- $1 now; of each job: $2 id, $3 queue, $4 priority, $5 max_attempts, $6 run_at, $7 delay in
-- microseconds, $8 kind, $9 args, $10 opts
select state, holder from windlass.accept_each($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
