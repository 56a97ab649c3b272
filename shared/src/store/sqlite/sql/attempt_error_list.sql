-- The errors of a job, oldest first.
-- ?1 seq; by the primary key
select error
from attempt_error
where seq = ?1
order by no
