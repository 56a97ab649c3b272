-- The newest error of a job.
-- ?1 seq; by the end of the job's part of the primary key
select error
from attempt_error
where seq = ?1
order by no desc
limit 1
