-- Remembers a run of neighbours that completed, for pruning.
-- ?1 now in microseconds, ?2 the first of them, ?3 how many
insert into finished_run (ended_at, seq, count)
values (?1, ?2, ?3)
