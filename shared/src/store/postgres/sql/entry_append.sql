-- Adds entries to a buffer; answers how many wait, and whether it is too full for them.
-- $1 now, $2 destination, $3 capacity; of each entry: $4 id, $5 origin, $6 body
select o_waiting, o_is_full
from windlass.append_entries($1, $2, $3, $4, $5, $6)
