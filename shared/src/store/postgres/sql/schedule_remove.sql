-- Forgets a schedule and its ticks.
-- $1 name
select windlass.remove_schedule($1)
