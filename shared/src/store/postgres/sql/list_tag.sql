-- Jobs with a tag below an id, newest first.
-- $1 the id, $2 how many at most, $3 the tag; by the primary key
select id from windlass.job_tag where tag = $3 collate "C" and id < $1 order by id desc limit $2
