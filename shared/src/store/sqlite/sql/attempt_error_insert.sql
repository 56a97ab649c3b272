-- Keeps an error of an attempt.
-- ?1 seq, ?2 its number, ?3 the error as JSON
insert into attempt_error (seq, no, error)
values (?1, ?2, ?3)
