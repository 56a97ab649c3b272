-- Renews a worker's lease and keeps the progress of its jobs.
-- $1 now, $2 worker, $3 the lease in microseconds; of each job with progress: $4 id, $5 claim,
-- $6 slot, $7 the progress
select job, reason from windlass.heartbeat($1, $2, $3, $4, $5, $6, $7)
