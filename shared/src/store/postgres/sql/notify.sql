-- Tells the other processes of hints.
-- $1 payloads, as `wake.rs` writes them
select windlass.notify($1)
