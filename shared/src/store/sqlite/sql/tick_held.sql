-- The ticks of a schedule that are held, oldest first.
-- ?1 schedule; by the index of held ticks
select at
from tick
where schedule = ?1 and status = 2
order by at
