-- Every destination, by name, and since when its oldest entry waits.
-- by the index on destination_id and no of buffer_entry
select
  name,
  waiting,
  (
    select added_at
    from windlass.buffer_entry
    where buffer_entry.destination_id = destination.id
    order by no
    limit 1
  ),
  disabled_at,
  disabled_why,
  succeeded_at,
  failed_at,
  failed_why
from windlass.destination
order by name
