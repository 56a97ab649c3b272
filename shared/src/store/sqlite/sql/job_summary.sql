-- A job and where it stands.
-- ?1 seq; by the primary keys of job, queue and the tables of states, of which one has a row, and by
-- the index ready_put_off
select
  job.seq,
  job.id,
  job.kind,
  job.queue,
  queue.name,
  job.priority,
  case
    when finished.seq is not null then 5
    when ready.seq is not null or put_off.seq is not null then 2
    when lease.seq is not null then 3
    when scheduled.seq is not null then scheduled.state
    else ended.state
  end,
  coalesce(
    finished.attempt, ready.attempt, put_off.attempt, lease.attempt, scheduled.attempt,
    ended.attempt
  ),
  job.max_attempts,
  coalesce(
    finished.crashes, ready.crashes, put_off.crashes, lease.crashes, scheduled.crashes,
    ended.crashes
  ),
  coalesce(
    finished.flags, ready.flags, put_off.flags, lease.flags, scheduled.flags, ended.flags
  ),
  job.tags,
  job.accepted_at,
  coalesce(ready.available_at, put_off.available_at, lease.available_at, scheduled.run_at),
  coalesce(finished.claimed_at, lease.claimed_at, ended.claimed_at),
  coalesce(finished.ended_at, ended.ended_at),
  job.replay_of,
  ended.replayed_as,
  lease.worker,
  coalesce(ready.settled_worker, put_off.settled_worker, scheduled.settled_worker),
  coalesce(ready.settled_claim, put_off.settled_claim, scheduled.settled_claim),
  coalesce(ready.place, put_off.place)
from job
join queue on queue.id = job.queue
left join finished on finished.seq = job.seq
left join ready on ready.queue = job.queue
  and ready.priority = job.priority
  and ready.place = job.seq
left join ready as put_off on put_off.seq = job.seq
  and put_off.place <> put_off.seq
left join lease on lease.seq = job.seq
left join scheduled on scheduled.seq = job.seq
left join ended on ended.seq = job.seq
where job.seq = ?1
