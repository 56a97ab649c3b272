-- Makes partitions of bodies ahead, drops those that are over, forgets bodies: one step of it.
-- $1 now, $2 how many bodies of the default partition are looked at
select o_made, o_dropped, o_moved, o_forgotten, o_is_late from windlass.maintain($1, $2)
