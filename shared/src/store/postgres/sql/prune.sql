-- Forgets jobs that ended long ago, and what else has had its time.
select o_count, o_more from windlass.prune($1, $2, $3, $4, $5, $6)
