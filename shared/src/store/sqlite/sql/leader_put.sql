-- Makes somebody lead, or lead on.
-- ?1 role, ?2 candidate, ?3 term, ?4 the end of the lease in microseconds; by the primary key
insert into leader (role, candidate, term, expires_at)
values (?1, ?2, ?3, ?4)
on conflict (role) do update set
  candidate = excluded.candidate,
  term = excluded.term,
  expires_at = excluded.expires_at
