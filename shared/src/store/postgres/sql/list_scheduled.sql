-- Jobs that wait for their time below an id, newest first.
-- $1 the id, $2 how many at most; by the primary key
select id from windlass.scheduled where id < $1 order by id desc limit $2
