-- The oldest entries that wait for a destination.
-- ?1 name of the destination, ?2 how many at most; by the index on destination and no
select id, origin, body, added_at
from buffer_entry
where destination = (select id from destination where name = ?1)
order by no
limit ?2
