-- Records that a migration was applied.
-- ?1 number, ?2 name, ?3 checksum, ?4 whether it is breaking, ?5 now in microseconds
insert into migration (number, name, checksum, breaking, applied_at)
values (?1, ?2, ?3, ?4, ?5)
