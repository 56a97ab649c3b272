-- The oldest entries that wait for a destination.
-- $1 name of the destination, $2 how many at most; by the index on destination_id and no
select id, origin, body, added_at
from windlass.buffer_entry
where destination_id = (select id from windlass.destination where name = $1)
order by no
limit $2
