-- Who leads or led last.
-- ?1 role; by the primary key
select candidate, term, expires_at
from leader
where role = ?1
