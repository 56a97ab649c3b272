//! The commands against a real API over a memory store, in this process.
