-- Makes new runs of dead letters.
select verdict, other_id, queue from windlass.replay($1, $2, $3, $4, $5)
