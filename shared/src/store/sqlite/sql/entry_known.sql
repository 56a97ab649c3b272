-- Whether an entry of a destination waits or has a receipt.
-- ?1 destination, ?2 id; by the unique indexes on both
select 1
from buffer_entry
where destination = ?1 and id = ?2
union all
select 1
from receipt
where destination = ?1 and id = ?2
