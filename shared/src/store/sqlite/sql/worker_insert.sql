-- Registers a worker.
-- ?1 what it says about itself as JSON, ?2 now and ?3 the end of its lease in microseconds
insert into worker (info, started_at, beat_at, expires_at, last_claim)
values (?1, ?2, ?2, ?3, 0)
