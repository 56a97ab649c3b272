-- Bodies below an id, newest first.
-- $1 the id, $2 how many at most; by the primary keys of the partitions
select id from windlass.job where id < $1 order by id desc limit $2
