-- Jobs that ended in a state and have rows of their own, below an id, newest first; by the index
-- on the state.
select id from windlass.ended where state = $3 and id < $1 order by id desc limit $2
