-- Adds up what was counted.
select windlass.fold()
