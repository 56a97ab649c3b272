-- Whether a worker may claim, and how far its claims have come.
-- ?1 worker; by the primary key
select expires_at, last_claim
from worker
where id = ?1
