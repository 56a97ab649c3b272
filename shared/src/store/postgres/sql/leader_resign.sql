-- Ends a term, if it is still the candidate's.
-- $1 role, $2 candidate, $3 term; by the primary key
update windlass.leader
set candidate = null
where role = $1 and candidate = $2 and term = $3
