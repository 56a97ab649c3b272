-- Makes jobs that wait for their time available.
-- $1 now, $2 their ids
select windlass.run_now($1, $2)
