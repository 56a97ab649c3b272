-- Remembers the last number given out; once per transaction.
-- ?1 number
update sequence
set last = ?1
