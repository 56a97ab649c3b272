-- Forgets a run.
-- ?1 when it ended in microseconds, ?2 its first seq; by the primary key
delete from finished_run
where ended_at = ?1 and seq = ?2
