//! What at least two of the API, the worker and the scheduler need: the job domain, the store
//! contract and the stores, configuration, telemetry, and how a process stops.

pub mod backoff;
pub mod buffer;
pub mod clock;
pub mod config;
pub mod job;
pub mod lease;
pub mod metric;
pub mod page;
pub mod patience;
pub mod schedule;
pub mod secret;
pub mod shutdown;
pub mod store;
pub mod telemetry;
