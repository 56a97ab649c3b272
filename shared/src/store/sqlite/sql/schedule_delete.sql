-- Forgets a schedule.
-- ?1 schedule; by the primary key
delete from schedule
where id = ?1
