-- Whether the file has a record of the ladder.
select count(*)
from sqlite_schema
where type = 'table' and name = 'migration'
