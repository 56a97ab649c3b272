-- Keeps that a job completed.
-- ?1 seq, ?2 worker, ?3 claim, ?4 attempt, ?5 crashes, ?6 flags, ?7 when it was claimed and ?8 now
-- in microseconds
insert into finished (seq, worker, claim, attempt, crashes, flags, claimed_at, ended_at)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
