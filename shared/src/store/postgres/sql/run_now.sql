-- Makes jobs that wait for their time available.
select windlass.run_now($1, $2)
