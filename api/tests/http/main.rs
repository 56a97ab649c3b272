//! The API as its callers meet it: over the memory store, whole, mostly without a socket.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says where it stopped"
)]

mod bad_input;
mod bad_publications;
mod bad_queries;
mod control;
mod dead_letters;
mod harness;
mod lists;
mod overview;
mod pipelines;
mod publish;
mod refusals;
mod socket;
mod story;
mod submit;
mod trouble;
mod wait;
