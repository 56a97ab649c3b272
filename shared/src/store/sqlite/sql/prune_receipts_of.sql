-- Forgets the receipts of a job's entries.
-- ?1 id of the job; by the index on origin
delete from receipt
where origin = ?1
