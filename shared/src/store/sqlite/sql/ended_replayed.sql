-- Remembers the new run of a dead letter.
-- ?1 seq of the dead letter, ?2 id of the new run; by the primary key
update ended
set replayed_as = ?2
where seq = ?1
