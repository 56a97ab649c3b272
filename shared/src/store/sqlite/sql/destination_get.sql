-- A destination by its name, and how many entries wait for it.
-- ?1 name; by the unique index on name
select id, waiting
from destination
where name = ?1
