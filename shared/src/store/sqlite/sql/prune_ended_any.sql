-- Whether there are cancelled or discarded jobs whose retention has passed.
-- ?1 state, ?2 they ended until this in microseconds; by the index on state and ended_at
select 1
from ended
where state = ?1 and ended_at <= ?2
limit 1
