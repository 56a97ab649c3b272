-- Running jobs below an id, newest first.
select id from windlass.list_running($1, $2) id
