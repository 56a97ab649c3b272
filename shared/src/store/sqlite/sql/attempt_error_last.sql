-- The number of the newest error of a job; null: it has none.
-- ?1 seq; by the end of the job's part of the primary key
select max(no)
from attempt_error
where seq = ?1
