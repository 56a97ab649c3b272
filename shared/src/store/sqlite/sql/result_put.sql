-- Keeps what a handler returned.
-- ?1 seq, ?2 body
insert into result (seq, body)
values (?1, ?2)
