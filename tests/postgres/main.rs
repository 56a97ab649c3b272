//! What is PostgreSQL's alone: the ladder on a server, the way in, databases of one's own, hints
//! from process to process, a server and connections that die, poolers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod ladder;
mod marks;
mod outages;
mod partitions;
mod poolers;
mod steps;
mod wake;
mod way_in;
mod world;
