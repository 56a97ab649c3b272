//! `[schedules.NAME]`: jobs that recur.

use serde::Serialize;

use super::{read::Reader, timing};
use crate::{
    backoff::MAX_ATTEMPTS,
    job::{Args, Kind, Priority, QueueName},
    schedule::{Overlap, Timing},
};

/// A job that recurs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Schedule {
    /// When it runs.
    #[serde(flatten)]
    pub timing: Timing,
    /// What it does.
    pub kind: Kind,
    /// Where it waits.
    pub queue: QueueName,
    /// How soon within its queue.
    pub priority: Priority,
    /// How often it may fail; `None`: as the configuration says of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u32>,
    /// What it carries: an object, whose JSON fits into a job.
    pub args: serde_json::Value,
}

impl Schedule {
    pub(super) fn read(from: &Reader<'_>) -> Option<Self> {
        let timing = timing::require(from, Overlap::default());
        let kind = from.required("kind");
        let queue = from.or("queue", QueueName::default());
        let priority = from.or("priority", Priority::default());
        let max_attempts = from.limited("max_attempts", 1..=MAX_ATTEMPTS);
        let args = read_args(from);
        Some(Self {
            timing: timing?,
            kind: kind?,
            queue,
            priority,
            max_attempts,
            args: args?,
        })
    }
}

fn read_args(from: &Reader<'_>) -> Option<serde_json::Value> {
    let empty = || serde_json::Value::Object(serde_json::Map::new());
    if !from.has("args") {
        return Some(empty());
    }
    let args: serde_json::Value = from.optional("args")?;
    let problem = if !args.is_object() {
        "is no table".to_owned()
    } else if let Err(invalid) = Args::json(&args) {
        invalid.why
    } else {
        return Some(args);
    };
    from.blame("args", problem);
    None
}
