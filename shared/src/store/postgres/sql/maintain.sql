-- Makes partitions of bodies ahead, drops those that are over, forgets bodies: one step of it.
select o_made, o_dropped, o_moved, o_forgotten, o_is_late from windlass.maintain($1, $2)
