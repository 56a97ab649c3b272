//! The worker against the memory store: what becomes of jobs, and of the worker.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod drain;
mod harness;
mod lease;
mod outcome;
mod stop;
