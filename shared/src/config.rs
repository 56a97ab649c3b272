//! Configuration: everything that can be set, read in layers and checked whole at start.
//!
//! The layers are the reference that is built in (`config.default.toml`), a file, the environment
//! and flags; each says only what is different ([`load`]). Every section is a struct of its own, a
//! plain value that a part of the program takes and keeps. What is read is typed and in range; the
//! relations between settings hold ([`check`]); when anything is wrong, all of it is told at once
//! ([`fault`]).
//!
//! The file has no serde derive between it and the structs: a derived reader stops at its first
//! fault, and knows neither the line of a value nor the name of its variable.

use serde::Serialize;
use std::collections::BTreeMap;

use crate::job::name::Label;

pub mod api;
pub mod destinations;
pub mod fault;
pub mod headers;
pub mod http_url;
pub mod human;
pub mod live;
pub mod load;
pub mod logs;
pub mod origin;
pub mod outbound;
pub mod pipelines;
pub mod retention;
pub mod retry;
pub mod scheduler;
pub mod schedules;
pub mod show;
pub mod sources;
pub mod store;
pub mod suggest;
pub mod telemetry;
pub mod timing;
pub mod worker;

mod check;
mod environment;
mod file;
mod notes;
mod otel;
mod read;
mod tree;

#[cfg(test)]
mod tests;

pub use api::Api;
pub use destinations::{Databox, Destination, Webhook};
pub use environment::Flag;
pub use fault::{Fault, Faults};
pub use http_url::HttpUrl;

pub use live::{Current, Live};
pub use load::{Layers, Loaded};
pub use logs::{LogFilter, LogFormat, Logs};
pub use origin::Origin;
pub use outbound::Outbound;
pub use pipelines::Pipeline;
pub use retention::Retention;
pub use retry::Retry;
pub use scheduler::Scheduler;
pub use schedules::Schedule;
pub use sources::Source;
pub use store::Store;
pub use telemetry::Telemetry;
pub use worker::{ServedQueue, Worker};

use read::Reader;

/// The reference: every key with its meaning, its unit and its default.
pub const REFERENCE: &str = include_str!("../config.default.toml");

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Config {
    /// Where jobs are kept.
    pub store: Store,
    /// Where the API listens and what it takes.
    pub api: Api,
    /// What a worker serves, and how it holds jobs.
    pub worker: Worker,
    /// How long failed jobs wait, and when they are given up.
    pub retry: Retry,
    /// Leading, and the leader's duties.
    pub scheduler: Scheduler,
    /// How long jobs are kept after they ended.
    pub retention: Retention,
    /// Calls to other machines.
    pub outbound: Outbound,
    /// Which log lines are written, and how they look.
    pub logs: Logs,
    /// Where traces go, and which ones.
    pub telemetry: Telemetry,
    /// Jobs that recur.
    pub schedules: BTreeMap<Label, Schedule>,
    /// Where numbers come from.
    pub sources: BTreeMap<Label, Source>,
    /// Where numbers and events go.
    pub destinations: BTreeMap<Label, Destination>,
    /// Collect, compute, publish.
    pub pipelines: BTreeMap<Label, Pipeline>,
}

impl Config {
    fn read(from: &Reader<'_>) -> Self {
        Self {
            store: from.section("store", Store::read),
            api: from.section("api", Api::read),
            worker: from.section("worker", Worker::read),
            retry: from.section("retry", Retry::read),
            scheduler: from.section("scheduler", Scheduler::read),
            retention: from.section("retention", Retention::read),
            outbound: from.section("outbound", Outbound::read),
            logs: from.section("logs", Logs::read),
            telemetry: from.section("telemetry", Telemetry::read),
            schedules: from.entries("schedules", Schedule::read),
            sources: from.entries("sources", Source::read),
            destinations: from.entries("destinations", Destination::read),
            pipelines: from.entries("pipelines", Pipeline::read),
        }
    }

    /// What is right as it stands, but may not be meant; without where it comes from.
    pub fn warnings(&self) -> Vec<Fault> {
        check::warnings(self)
    }
}
