-- Keeps that somebody asked to stop a job; the first reason stays.
-- ?1 seq, ?2 now in microseconds, ?3 reason; by the primary key
insert into cancel_request (seq, at, reason)
values (?1, ?2, ?3)
on conflict (seq) do nothing
