-- The databases whose names begin so.
-- $1 how they begin
select datname::text
from pg_database
where starts_with(datname::text, $1)
order by datname
