-- Keeps what became of entries.
-- $1 now, $2 destination; of each entry: $3 id, $4 fate, $5 reason
select windlass.resolve_entries($1, $2, $3, $4, $5)
