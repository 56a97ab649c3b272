-- Remembers that a claim handed something out.
-- ?1 worker, ?2 claim; by the primary key
update worker
set last_claim = ?2
where id = ?1
