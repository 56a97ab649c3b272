//! What is PostgreSQL's alone: the ladder on a server, the way in, databases of one's own, hints
//! from process to process, what a job may cost, a server and connections that die, faults of one
//! that lives, replicas, poolers, partitions, the marks step by step, enqueueing in the caller's
//! transaction, counts, rights, the statements.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod counts;
mod enqueue_args;
mod enqueue_sql;
mod enqueue_tx;
mod faults;
mod kept_marks;
mod ladder;
mod limits;
mod marks;
mod outages;
mod overlaps;
mod partitions;
mod place;
mod poolers;
mod replica;
mod rights;
mod statements;
mod steps;
mod wake;
mod way_in;
mod world;
