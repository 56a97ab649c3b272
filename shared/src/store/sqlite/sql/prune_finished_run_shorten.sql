-- Takes the first jobs off a run.
-- ?1 when it ended in microseconds, ?2 its first seq, ?3 how many; by the primary key
update finished_run
set seq = seq + ?3, count = count - ?3
where ended_at = ?1 and seq = ?2
