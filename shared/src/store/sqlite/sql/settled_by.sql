-- The id of a job, and which settle it has seen last: what tells a repetition from a stale token.
-- ?1 seq; by the primary keys of the tables of states, and by the index of ready_put_off
select
  job.id,
  coalesce(
    finished.worker, ended.settled_worker, scheduled.settled_worker, put_off.settled_worker,
    handed_back.settled_worker, lease.settled_worker
  ),
  coalesce(
    finished.claim, ended.settled_claim, scheduled.settled_claim, put_off.settled_claim,
    handed_back.settled_claim, lease.settled_claim
  )
from job
left join finished on finished.seq = job.seq
left join ended on ended.seq = job.seq
left join scheduled on scheduled.seq = job.seq
left join ready as put_off on put_off.seq = job.seq
  and put_off.place <> put_off.seq
left join ready as handed_back on handed_back.queue = job.queue
  and handed_back.priority = job.priority
  and handed_back.place = job.seq
left join lease on lease.seq = job.seq
where job.seq = ?1
