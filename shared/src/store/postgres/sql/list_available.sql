-- Available jobs below an id, newest first, of some queues or of all.
-- $1 the id, $2 how many at most, $3 names of queues, null: all
select id
from windlass.list_bulk(
  2, $1, $2, (select array_agg(q.id) from windlass.queue q where q.name = any ($3))
) id
where $3 is null or exists (select from windlass.queue q where q.name = any ($3))
