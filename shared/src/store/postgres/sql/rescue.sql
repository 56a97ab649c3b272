-- Takes jobs back from workers whose lease has expired.
-- $1 now, $2 most crashes of a job, $3 how many jobs at most, $4 the failure that is noted
select worker, job, became from windlass.rescue($1, $2, $3, $4)
