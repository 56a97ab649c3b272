-- Places of jobs with a tag, newest first.
-- ?1 below this seq, ?2 how many at most, ?3 tag; by the primary key
select seq
from job_tag
where tag = ?3 and seq < ?1
order by seq desc
limit ?2
