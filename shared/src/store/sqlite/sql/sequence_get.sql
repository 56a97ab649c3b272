-- The last number given out.
select last
from sequence
