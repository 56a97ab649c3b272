-- Waits until nobody else climbs in this database; held to the end of the transaction. The number
-- is "windlass" in ASCII.
select pg_advisory_xact_lock(x'77696e646c617373'::bigint)
