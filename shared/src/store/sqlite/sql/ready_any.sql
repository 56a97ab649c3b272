-- Whether a queue has anything to claim.
-- ?1 queue; by the start of the primary key
select 1
from ready
where queue = ?1
limit 1
