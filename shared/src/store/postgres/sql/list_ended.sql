-- Jobs that ended in a state and have rows of their own, below an id, newest first.
-- $1 the id, $2 how many at most, $3 number of the state; by the index on the state
select id from windlass.ended where state = $3 and id < $1 order by id desc limit $2
