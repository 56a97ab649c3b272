-- What a handler returned.
-- ?1 seq; by the primary key
select body
from result
where seq = ?1
