//! What the API answers, as far as it is shown. Members that are not listed are passed over, and
//! words are kept as text, so that a newer API can be asked too.

use serde::Deserialize;
use serde_json::value::RawValue;
use shared::clock::Timestamp;
use std::collections::BTreeMap;

use super::client::Answer;
use crate::Result;

/// Some of many, or all of few.
#[derive(Debug, Deserialize)]
pub(crate) struct List<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<String>,
}

/// A job in a list.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) queue: String,
    pub(crate) priority: u64,
    pub(crate) state: String,
    pub(crate) attempt: u32,
    pub(crate) max_attempts: u32,
    pub(crate) crashes: u32,
    pub(crate) tags: Vec<String>,
    pub(crate) accepted_at: Timestamp,
    pub(crate) due_at: Option<Timestamp>,
    pub(crate) claimed_at: Option<Timestamp>,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) error: Option<JobError>,
    pub(crate) replay_of: Option<String>,
    pub(crate) replayed_as: Option<String>,
}

/// The newest error of a job.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct JobError {
    pub(crate) title: String,
    pub(crate) detail: String,
}

/// What only the answer about one job holds.
#[derive(Debug, Deserialize)]
pub(crate) struct More {
    pub(crate) args: Box<RawValue>,
    pub(crate) content_type: String,
    pub(crate) unique: Option<Unique>,
    pub(crate) timeout: Option<String>,
    pub(crate) backoff: Option<Backoff>,
    pub(crate) progress: Option<Box<RawValue>>,
    pub(crate) result: Option<Box<RawValue>>,
    pub(crate) errors: Vec<AttemptError>,
    pub(crate) worker: Option<u64>,
    pub(crate) cancel_requested: Option<Since>,
    pub(crate) trace_id: Option<String>,
    /// Missing where the API is older than this program.
    #[serde(default)]
    pub(crate) trace_url: Option<String>,
}

/// Everything about one job.
#[derive(Debug)]
pub(crate) struct Detail {
    pub(crate) job: Job,
    pub(crate) more: More,
}

impl Detail {
    /// Reads both halves: one type for them could not keep JSON as it was written.
    ///
    /// # Errors
    /// When it is no job.
    pub(crate) fn of(answer: &Answer) -> Result<Self> {
        Ok(Self {
            job: answer.read()?,
            more: answer.read()?,
        })
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Unique {
    pub(crate) key: String,
    pub(crate) until: Option<String>,
    pub(crate) window: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Backoff {
    pub(crate) base: String,
    pub(crate) factor: f64,
    pub(crate) cap: String,
}

/// A failed attempt.
#[derive(Debug, Deserialize)]
pub(crate) struct AttemptError {
    pub(crate) attempt: u32,
    pub(crate) at: Timestamp,
    pub(crate) worker: u64,
    pub(crate) kind: String,
    pub(crate) error_type: Option<String>,
    pub(crate) message: String,
}

/// When something happened, and why.
#[derive(Debug, Deserialize)]
pub(crate) struct Since {
    pub(crate) at: Timestamp,
    pub(crate) reason: String,
}

/// What became of a job that was submitted.
#[derive(Debug, Deserialize)]
pub(crate) struct Submitted {
    pub(crate) verdict: String,
    pub(crate) id: String,
    pub(crate) state: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Queue {
    pub(crate) name: String,
    pub(crate) paused_at: Option<Timestamp>,
    pub(crate) counts: BTreeMap<String, u64>,
    pub(crate) exact: bool,
    pub(crate) oldest_available_at: Option<Timestamp>,
}

impl Queue {
    /// How many jobs are in a state.
    pub(crate) fn count(&self, state: &str) -> u64 {
        self.counts.get(state).copied().unwrap_or(0)
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Worker {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) host: String,
    pub(crate) pid: u32,
    pub(crate) version: String,
    pub(crate) queues: Vec<String>,
    pub(crate) concurrency: u32,
    pub(crate) running: u64,
    pub(crate) beat_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

impl Worker {
    /// Whether it was heard of within its lease.
    pub(crate) fn lives(&self, now: Timestamp) -> bool {
        self.expires_at >= now
    }

    /// Whether it takes jobs of a queue.
    pub(crate) fn serves(&self, queue: &str) -> bool {
        self.queues.is_empty() || self.queues.iter().any(|served| served == queue)
    }
}

/// A dead letter's replay.
#[derive(Debug, Deserialize)]
pub(crate) struct Replay {
    pub(crate) dry_run: bool,
    pub(crate) replayed: u64,
    pub(crate) more: bool,
    pub(crate) items: Vec<Replayed>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Replayed {
    pub(crate) id: String,
    pub(crate) verdict: String,
    #[serde(rename = "replayed_as")]
    pub(crate) new_run: Option<String>,
    pub(crate) holder: Option<String>,
    pub(crate) state: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Pipeline {
    pub(crate) name: String,
    pub(crate) sources: Vec<String>,
    pub(crate) destinations: Vec<String>,
    #[serde(default)]
    pub(crate) last_run: Option<Job>,
    #[serde(default)]
    pub(crate) runs: Vec<Job>,
    #[serde(default)]
    pub(crate) last_result: Option<LastResult>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct LastResult {
    pub(crate) job: String,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) result: Option<Box<RawValue>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Schedule {
    pub(crate) name: String,
    pub(crate) definition: Box<RawValue>,
    pub(crate) paused_at: Option<Timestamp>,
    pub(crate) next_at: Option<Timestamp>,
    pub(crate) cursor: Timestamp,
    pub(crate) ticks: Vec<Tick>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Tick {
    pub(crate) at: Timestamp,
    pub(crate) status: String,
    pub(crate) job: Option<String>,
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Destination {
    pub(crate) name: String,
    pub(crate) waiting: u64,
    pub(crate) oldest_at: Option<Timestamp>,
    pub(crate) disabled: Option<Since>,
    pub(crate) succeeded_at: Option<Timestamp>,
    pub(crate) failed: Option<Since>,
}

impl Destination {
    /// Whether the last thing heard of it is a failure.
    pub(crate) fn fails(&self) -> bool {
        self.failed
            .as_ref()
            .is_some_and(|failed| self.succeeded_at.is_none_or(|at| at < failed.at))
    }
}

/// That the API can do its work.
#[derive(Debug, Deserialize)]
pub(crate) struct Ready {
    pub(crate) store: StoreView,
    pub(crate) now: Timestamp,
}

#[derive(Debug, Deserialize)]
pub(crate) struct StoreView {
    pub(crate) name: String,
    pub(crate) durability: String,
}
