-- Forgets jobs that ended long ago, and what else has had its time.
-- $1 now; until when they ended: $2 completed, $3 cancelled, $4 discarded; $5 until when the fate was
-- decided of what goes by itself; $6 how many at most
select o_count, o_more from windlass.prune($1, $2, $3, $4, $5, $6)
