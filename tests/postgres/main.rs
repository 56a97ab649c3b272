//! What is PostgreSQL's alone: the ladder on a server, the way in, databases of one's own.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod ladder;
mod marks;
mod partitions;
mod steps;
mod way_in;
mod world;
