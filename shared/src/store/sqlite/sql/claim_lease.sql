-- Leases what claim_read has read: everything of the queue up to its last row.
-- ?1 worker, ?2 claim, ?3 queue, ?4 priority and ?5 place of the last row, ?6 now in microseconds,
-- ?7 flags that a start clears; by the primary key of ready
insert into lease (
  seq, worker, claim, queue, attempt, crashes, flags, place, available_at, claimed_at,
  settled_worker, settled_claim
)
select
  seq, ?1, ?2, queue, attempt + 1, crashes, flags & ~?7, nullif(place, seq), available_at, ?6,
  settled_worker, settled_claim
from ready
where queue = ?3 and (priority, place) <= (?4, ?5)
