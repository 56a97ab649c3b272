-- Takes an entry out of a buffer, if it waits.
-- ?1 destination, ?2 id; by the unique index on destination and id
delete from buffer_entry
where destination = ?1 and id = ?2
returning no, origin
