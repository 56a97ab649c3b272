-- Lets go of the unique key that a job holds.
-- ?1 seq of the job; by the primary keys of job and unique_key
delete from unique_key
where (queue, kind, key, holder) = (
  select queue, kind, unique_key, id
  from job
  where seq = ?1
)
