-- Whether windows of unique keys have ended.
-- ?1 now in microseconds; by the index on their end
select 1
from unique_key
where expires_at is not null and expires_at <= ?1
limit 1
