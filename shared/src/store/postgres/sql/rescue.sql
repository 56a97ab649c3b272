-- Takes jobs back from workers whose lease has expired.
select worker, job, became from windlass.rescue($1, $2, $3, $4)
