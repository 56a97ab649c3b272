-- Removes what promote_ready has made available.
-- ?1 now in microseconds, ?2 how many at most; by the index on run_at, then by the primary key
delete from scheduled
where seq in (
  select seq
  from scheduled
  where run_at <= ?1
  order by run_at, seq
  limit ?2
)
