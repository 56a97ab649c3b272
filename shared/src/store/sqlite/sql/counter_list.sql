-- How many jobs of each queue are in each state.
select queue, state, n
from counter
