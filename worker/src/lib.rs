#![doc = include_str!("../README.md")]

mod alone;
mod context;
mod engine;
mod execute;
mod handler;
pub mod handlers;
mod registry;
mod runtime;
mod settings;
mod worker;

pub use context::{Context, MAX_PROGRESS, Stop};
pub use handler::{Done, Handler, IntoOutcome, typed};
pub use handlers::BuiltIn;
pub use registry::Registry;
pub use settings::{Queues, RetryPolicy, Settings};
pub use worker::{Builder, Worker};

// What enqueueing and handling need, so that a Rust program depends on this crate alone.
pub use shared::{
    backoff::Backoff,
    clock::{Clock, Timestamp},
    job::{
        Args, Invalid, JobId, Kind, NewJob, Outcome, Priority, QueueName, State, Tag, Unique,
        UniqueKey, UniquePolicy,
    },
    shutdown::Shutdown,
    store::{self, Store},
};
