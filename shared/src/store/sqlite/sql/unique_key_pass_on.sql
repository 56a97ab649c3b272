-- Lets go of a unique key that one job still holds, so that another may take it.
-- ?1 queue, ?2 kind, ?3 key, ?4 id of the holder; by the primary key
delete from unique_key
where queue = ?1 and kind = ?2 and key = ?3 and holder = ?4
