-- The mark at which the next scan of a claim may start: what is left, else what comes.
-- $1 the mark it starts at now
select coalesce(
  (
    select xid::text from windlass.ready
    where queue_id = 1 and lane = 11 and xid >= $1::xid8
    order by xid, no
    limit 1
  ),
  pg_snapshot_xmin(pg_current_snapshot())::text
)
