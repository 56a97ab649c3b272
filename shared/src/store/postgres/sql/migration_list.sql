-- The migrations that this database has, in order.
select
  number,
  name,
  checksum,
  breaking,
  applied_at
from windlass.migration
order by number
