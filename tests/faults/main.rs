//! A worker whose store fails in every way it can: nothing is lost, nothing is counted twice, and
//! the worker carries on by itself.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod answers;
mod bench;
mod fencing;
