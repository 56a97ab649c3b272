-- The running jobs of a worker that somebody wants stopped, oldest first, and why.
-- ?1 worker, ?2 the flag of a stop; looks through lease, whose rows are as many as jobs run, and
-- reads the bodies of the few that have the flag
select job.id, cancel_request.reason
from lease
cross join job on job.seq = lease.seq
cross join cancel_request on cancel_request.seq = lease.seq
where lease.worker = ?1 and lease.flags & ?2 <> 0
order by lease.seq
