//! `[worker]`: what a worker serves, and how it holds jobs.

use serde::{Serialize, Serializer};
use std::time::Duration;

use super::{
    human,
    read::{FromText, Reader},
};
use crate::{
    job::{QueueName, new::TIMEOUT},
    lease::LEASE,
};

/// Heartbeats that must fit into a lease: two may be lost before a live worker is taken for dead.
pub const BEATS_PER_LEASE: u32 = 3;

/// Most jobs that one worker runs at once.
pub const MAX_CONCURRENCY: u32 = 100_000;

/// Most queues that one worker names.
pub const MAX_QUEUES: usize = 1000;

/// What a worker serves, and how it holds jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Worker {
    /// A name for people; empty: the machine's name.
    pub name: String,
    /// The queues it serves, the first ones first; each at most once, never empty.
    pub queues: Vec<ServedQueue>,
    /// How many jobs run at once; 1 to [`MAX_CONCURRENCY`].
    pub concurrency: u32,
    /// How long its jobs are held for it when it is silent; within [`LEASE`].
    #[serde(with = "human::duration")]
    pub lease: Duration,
    /// How often it says that it lives; [`BEATS_PER_LEASE`] times within a lease.
    #[serde(with = "human::duration")]
    pub heartbeat: Duration,
    /// How long an attempt may take unless its job says otherwise; within [`TIMEOUT`].
    #[serde(with = "human::duration")]
    pub job_timeout: Duration,
    /// How long running jobs may finish when the process is asked to stop.
    #[serde(with = "human::duration")]
    pub drain_timeout: Duration,
    /// How often to look for work when nothing hints at any.
    #[serde(with = "human::duration")]
    pub poll: Duration,
}

impl Default for Worker {
    fn default() -> Self {
        Self {
            name: String::new(),
            queues: vec![ServedQueue::Others],
            concurrency: 100,
            lease: Duration::from_secs(20),
            heartbeat: Duration::from_secs(5),
            job_timeout: Duration::from_mins(15),
            drain_timeout: Duration::from_secs(25),
            poll: Duration::from_secs(1),
        }
    }
}

impl Worker {
    pub(super) fn read(from: &Reader<'_>) -> Self {
        const MAX_NAME: usize = 100;
        let default = Self::default();
        let worker = Self {
            name: from.or("name", default.name),
            queues: from.list("queues").unwrap_or(default.queues),
            concurrency: from.limited_or("concurrency", default.concurrency, 1..=MAX_CONCURRENCY),
            lease: from.limited_or("lease", default.lease, LEASE),
            heartbeat: from.limited_or(
                "heartbeat",
                default.heartbeat,
                Duration::from_millis(100)..=*LEASE.end(),
            ),
            job_timeout: from.limited_or("job_timeout", default.job_timeout, TIMEOUT),
            drain_timeout: from.limited_or(
                "drain_timeout",
                default.drain_timeout,
                Duration::ZERO..=Duration::from_hours(1),
            ),
            poll: from.limited_or(
                "poll",
                default.poll,
                Duration::from_millis(10)..=Duration::from_mins(5),
            ),
        };
        if worker.name.len() > MAX_NAME || worker.name.contains(['\n', '\t']) {
            from.blame(
                "name",
                format!("is not one line of at most {MAX_NAME} bytes"),
            );
        }
        worker.check_queues(from);
        worker
    }

    fn check_queues(&self, from: &Reader<'_>) {
        if self.queues.is_empty() && from.fine(&["queues"]) {
            from.blame("queues", "is empty; \"*\" stands for every queue");
        }
        if self.queues.len() > MAX_QUEUES {
            from.blame("queues", format!("are more than {MAX_QUEUES}"));
            return;
        }
        for (index, queue) in self.queues.iter().enumerate() {
            if self
                .queues
                .iter()
                .take(index)
                .any(|earlier| earlier == queue)
            {
                from.blame("queues", format!("names {:?} twice", queue.as_str()));
            }
        }
    }
}

/// A queue that a worker serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServedQueue {
    /// This one.
    Named(QueueName),
    /// `*`: every queue that is not named, by name.
    Others,
}

impl ServedQueue {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Named(queue) => queue.as_str(),
            Self::Others => "*",
        }
    }
}

impl Serialize for ServedQueue {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl FromText for ServedQueue {
    fn from_text(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::Others);
        }
        QueueName::from_text(text).map(Self::Named)
    }
}
