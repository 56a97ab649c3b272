-- Takes a unique key that nobody holds any more, or that passes on.
-- ?1 queue, ?2 kind, ?3 key, ?4 id of the holder, ?5 when its window ends in microseconds, or null
insert into unique_key (queue, kind, key, holder, expires_at)
values (?1, ?2, ?3, ?4, ?5)
on conflict (queue, kind, key) do update set
  holder = excluded.holder,
  expires_at = excluded.expires_at
