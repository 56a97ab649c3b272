-- Makes a candidate lead, or lead on, unless somebody else does; answers who leads.
-- $1 now, $2 role, $3 candidate, $4 the lease in microseconds
select o_leader, o_term, o_expires_at, o_now
from windlass.elect($1, $2, $3, $4)
