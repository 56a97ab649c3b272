-- Sets flags of a running job.
-- ?1 seq, ?2 flags to set; by the primary key
update lease
set flags = flags | ?2
where seq = ?1
