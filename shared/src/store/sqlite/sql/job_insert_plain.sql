-- Keeps the body of a job that has no extras, which is nearly every job: fewer values to bind.
-- Changes nothing when the id is known.
-- ?1 id, ?2 queue, ?3 kind, ?4 priority, ?5 max attempts, ?6 now in microseconds, ?7 args, ?8 seq
-- by the unique index on id
insert into job (seq, id, queue, kind, priority, max_attempts, accepted_at, args)
values (?8, ?1, ?2, ?3, ?4, ?5, ?6, ?7)
on conflict (id) do nothing
