-- Keeps what a handler reported last.
-- ?1 seq, ?2 body; by the primary key
insert into progress (seq, body)
values (?1, ?2)
on conflict (seq) do update set body = excluded.body
