-- Makes a job findable by a tag; naming one twice is fine.
-- ?1 tag, ?2 seq
insert into job_tag (tag, seq)
values (?1, ?2)
on conflict (tag, seq) do nothing
