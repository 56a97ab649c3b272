-- Forgets old receipts that hang on no job.
-- ?1 they were decided until this in microseconds, ?2 how many at most
-- by the index of loose receipts, then by the primary key
delete from receipt
where no in (
  select no
  from receipt
  where loose = 1 and at <= ?1
  order by at, no
  limit ?2
)
