-- The last progress of a job.
-- ?1 seq; by the primary key
select body
from progress
where seq = ?1
