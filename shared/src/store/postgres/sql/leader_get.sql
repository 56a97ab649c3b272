-- Who leads, if the term has not ended.
-- $1 now, $2 role; by the primary key
select candidate, term, expires_at, clock.now
from windlass.leader, (select coalesce($1::timestamptz, clock_timestamp())) as clock (now)
where role = $2 and candidate is not null and expires_at > clock.now
