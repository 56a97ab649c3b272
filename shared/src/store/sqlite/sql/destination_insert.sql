-- Makes a destination known.
-- ?1 name
insert into destination (name, waiting)
values (?1, 0)
