-- Jobs with a tag below an id, newest first; by the primary key.
select id from windlass.job_tag where tag = $3 collate "C" and id < $1 order by id desc limit $2
