-- Renews the lease of a worker that still has one.
-- ?1 worker, ?2 now and ?3 the end of its lease in microseconds; by the primary key
update worker
set beat_at = ?2, expires_at = ?3
where id = ?1 and expires_at > ?2
