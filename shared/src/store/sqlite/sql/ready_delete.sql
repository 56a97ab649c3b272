-- Takes one job out of those that may be claimed.
-- ?1 queue, ?2 priority, ?3 place; by the primary key
delete from ready
where queue = ?1 and priority = ?2 and place = ?3
