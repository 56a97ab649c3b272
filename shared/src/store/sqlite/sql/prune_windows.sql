-- Forgets windows of unique keys that have ended.
-- ?1 now in microseconds, ?2 how many at most; by the index on their end, then by the primary key
delete from unique_key
where (queue, kind, key) in (
  select queue, kind, key
  from unique_key
  where expires_at is not null and expires_at <= ?1
  order by expires_at
  limit ?2
)
