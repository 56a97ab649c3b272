-- Forgets that a job is found by a tag.
-- ?1 tag, ?2 seq; by the primary key
delete from job_tag
where tag = ?1 and seq = ?2
