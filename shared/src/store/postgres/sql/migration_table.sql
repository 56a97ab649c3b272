-- Makes the record of the ladder, before its first rung is climbed.
create table if not exists windlass.migration (
  -- The number in the name of the file.
  number integer primary key,
  -- The rest of its name.
  name text not null,
  -- SHA-256 of the file in hexadecimal: a migration is never edited after its release.
  checksum text not null,
  -- Whether programs that do not know it must keep away.
  breaking boolean not null,
  applied_at timestamptz not null
)
