-- Whether the database has the schema: only who makes it needs the right to make one.
select to_regnamespace('windlass') is not null
