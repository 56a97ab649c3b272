-- Makes a queue known.
-- ?1 name
insert into queue (name)
values (?1)
