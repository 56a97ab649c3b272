-- Who holds a unique key now.
-- ?1 queue, ?2 kind, ?3 key, ?4 now in microseconds; by the primary key
select holder
from unique_key
where queue = ?1 and kind = ?2 and key = ?3
  and (expires_at is null or expires_at > ?4)
