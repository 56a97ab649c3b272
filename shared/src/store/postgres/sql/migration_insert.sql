-- Records that a migration was applied.
-- $1 number, $2 name, $3 checksum, $4 whether it is breaking, $5 now, null: the server's
insert into windlass.migration (number, name, checksum, breaking, applied_at)
values ($1, $2, $3, $4, coalesce($5, clock_timestamp()))
returning applied_at
