-- Every destination, by name, and since when its oldest entry waits.
-- by the index on destination and no of buffer_entry
select
  name,
  waiting,
  (
    select added_at
    from buffer_entry
    where buffer_entry.destination = destination.id
    order by no
    limit 1
  ),
  disabled_at,
  disabled_why,
  succeeded_at,
  failed_at,
  failed_why
from destination
order by name
