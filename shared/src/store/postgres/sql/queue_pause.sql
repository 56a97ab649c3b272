-- Pauses or resumes a queue; answers its number if it is known. Pausing again keeps the first time.
-- A claim that is under way ends first, so that nothing is claimed once this is answered.
-- $1 now, $2 name, $3 whether it is paused
update windlass.queue
set paused_at = case when $3 then coalesce(paused_at, $1, clock_timestamp()) end
where id = (
  select q.id
  from (select id, windlass.lock_queue(id) from windlass.queue where name = $2 collate "C") q
)
returning id
