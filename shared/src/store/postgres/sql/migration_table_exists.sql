-- Whether the database has a record of the ladder.
select to_regclass('windlass.migration') is not null
