-- Removes what claim_lease has leased.
-- ?1 queue, ?2 priority and ?3 place of the last row; by the primary key
delete from ready
where queue = ?1 and (priority, place) <= (?2, ?3)
