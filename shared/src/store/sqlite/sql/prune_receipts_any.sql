-- Whether there are old receipts that hang on no job.
-- ?1 they were decided until this in microseconds; by the index of loose receipts
select 1
from receipt
where loose = 1 and at <= ?1
limit 1
