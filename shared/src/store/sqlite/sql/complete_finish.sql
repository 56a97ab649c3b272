-- Keeps that the jobs of a run completed.
-- ?1 first and ?2 last seq, ?3 now in microseconds; by the primary key of lease
insert into finished (seq, worker, claim, attempt, crashes, flags, claimed_at, ended_at)
select seq, worker, claim, attempt, crashes, flags, claimed_at, ?3
from lease
where seq between ?1 and ?2
