-- When somebody asked to stop a job, and why.
-- ?1 seq; by the primary key
select at, reason
from cancel_request
where seq = ?1
