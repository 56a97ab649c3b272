-- What became of the entries of a job, in the order they were added; without a fate they wait.
-- ?1 id of the job; by the indexes on origin of buffer_entry and receipt
select entry.id, destination.name, entry.fate, entry.reason, entry.at
from (
  select no, id, destination, null as fate, null as reason, added_at as at
  from buffer_entry
  where origin = ?1
  union all
  select no, id, destination, fate, reason, at
  from receipt
  where origin = ?1
) as entry
join destination on destination.id = entry.destination
order by entry.no
