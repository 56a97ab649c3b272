-- Counts jobs of a queue into a state, or out of it; once per transaction.
-- ?1 queue, ?2 state, ?3 how many more
insert into counter (queue, state, n)
values (?1, ?2, ?3)
on conflict (queue, state) do update set n = n + excluded.n
