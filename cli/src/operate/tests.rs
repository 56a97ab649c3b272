//! The commands as they are typed, against a real API over a memory store, in this process.

mod answers;
mod dead_letters;
mod harness;
mod jobs;
mod overview;
