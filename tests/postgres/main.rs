//! What is PostgreSQL's alone: the ladder on a server, the way in, databases of one's own,
//! enqueueing in the caller's transaction, rights.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod enqueue_sql;
mod enqueue_tx;
mod ladder;
mod place;
mod rights;
mod way_in;
