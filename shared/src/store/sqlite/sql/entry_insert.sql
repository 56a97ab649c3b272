-- Adds an entry to a buffer.
-- ?1 id, ?2 destination, ?3 id of the job it comes from, ?4 now in microseconds, ?5 body
insert into buffer_entry (id, destination, origin, added_at, body)
values (?1, ?2, ?3, ?4, ?5)
