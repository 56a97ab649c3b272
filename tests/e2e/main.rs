//! End to end: the real binary, real files and servers, real signals. One story a file.
//!
//! A test waits for something the process says (a line of its log, an answer of its API, a call
//! that reaches [`target`]), never for time to pass.

#![expect(
    clippy::unwrap_used,
    reason = "where a test sets its scene, a panic is the failure of the test"
)]

mod collector;
mod http;
mod process;
mod target;

mod bad_configuration;
mod compose;
mod dst_table;
mod graceful_stop;
mod leader_takeover;
mod main_job;
mod metrics;
mod password;
mod publish;
mod reload;
mod traces;
mod two_processes;
mod worker_dies;
mod zombie;
