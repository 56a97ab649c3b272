-- Makes due jobs available.
select o_count, o_next, o_now, o_queues from windlass.promote($1, $2)
