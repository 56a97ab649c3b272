-- Where a job is kept.
-- ?1 id; by the unique index on id
select seq
from job
where id = ?1
