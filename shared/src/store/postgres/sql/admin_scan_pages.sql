-- How many pages the scan of a claim touches.
-- $1 the mark it starts at
explain (analyze, buffers, format json)
select ctid, xid from windlass.ready
where queue_id = 1 and lane = 11 and xid >= $1
order by xid, no
limit 11
