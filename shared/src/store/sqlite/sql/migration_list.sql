-- The migrations that this file has, in order.
select
  number,
  name,
  checksum,
  breaking,
  applied_at
from migration
order by number
