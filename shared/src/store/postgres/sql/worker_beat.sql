-- Renews a worker's lease and keeps the progress of its jobs.
select job, reason from windlass.heartbeat($1, $2, $3, $4, $5, $6, $7)
