-- Jobs that were completed in bulk below an id, newest first.
select id from windlass.list_finished($1, $2) id
