-- Whether the user may make databases.
select rolcreatedb or rolsuper
from pg_roles
where rolname = current_user
