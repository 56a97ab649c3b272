-- What became of the entries of a job, in the order they were added; without a fate they wait.
-- $1 id of the job; by the indexes on origin of buffer_entry and receipt
select entry.id, destination.name, entry.fate, entry.reason, entry.at
from (
  select no, id, destination_id, null::smallint as fate, null::bytea as reason, added_at as at
  from windlass.buffer_entry
  where origin = $1
  union all
  select no, id, destination_id, fate, reason, at
  from windlass.receipt
  where origin = $1
) as entry
join windlass.destination on destination.id = entry.destination_id
order by entry.no
