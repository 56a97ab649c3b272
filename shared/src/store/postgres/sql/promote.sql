-- Makes due jobs available.
-- $1 now, $2 how many at most
select o_count, o_next, o_now, o_queues from windlass.promote($1, $2)
