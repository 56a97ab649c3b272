-- Running jobs below an id, newest first.
-- $1 the id, $2 how many at most
select id from windlass.list_running($1, $2) id
