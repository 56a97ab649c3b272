-- Forgets the ticks of a schedule.
-- ?1 schedule; by the primary key
delete from tick
where schedule = ?1
