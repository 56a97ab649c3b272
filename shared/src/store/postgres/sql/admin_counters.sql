-- What was done in a database, and what the server wrote.
-- $1 the name of the database
select
  coalesce((
    select xact_commit + xact_rollback
    from pg_stat_database
    where datname = $1
  ), 0)::bigint,
  (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint,
  coalesce((
    select tup_updated + tup_deleted
    from pg_stat_database
    where datname = $1
  ), 0)::bigint
