-- The tags of a job.
-- ?1 seq; by the primary key
select tags
from job
where seq = ?1
