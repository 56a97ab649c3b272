//! What a worker needs to know, as plain values.

use shared::{backoff::Backoff, job::Kind, job::QueueName, store::Retention};
use std::{collections::HashMap, time::Duration};

/// How a worker runs. The defaults are those of the configuration reference.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// What it is called, for people.
    pub name: String,
    /// The machine it runs on, for people.
    pub host: String,
    /// The queues it serves.
    pub queues: Queues,
    /// How many jobs run at once; at least 1.
    pub concurrency: usize,
    /// How long a dead worker holds its jobs.
    pub lease: Duration,
    /// How often it says that it lives.
    pub heartbeat: Duration,
    /// How long running jobs may finish once it drains.
    pub drain_timeout: Duration,
    /// How often it looks for work when nothing hints at any.
    pub poll: Duration,
    /// No scheduler runs beside it: it makes due jobs available, rescues and forgets jobs itself,
    /// and keeps ended ones for so long.
    pub alone: Option<Retention>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: "worker".to_owned(),
            host: String::new(),
            queues: Queues::default(),
            concurrency: 100,
            lease: Duration::from_secs(20),
            heartbeat: Duration::from_secs(5),
            drain_timeout: Duration::from_secs(25),
            poll: Duration::from_secs(1),
            alone: None,
        }
    }
}

/// Which queues a worker serves, and in which order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queues {
    /// These first, in this order: while one of them has work, the later ones wait.
    pub first: Vec<QueueName>,
    /// Then all others, each in turn.
    pub others: bool,
}

impl Default for Queues {
    /// All of them.
    fn default() -> Self {
        Self {
            first: Vec::new(),
            others: true,
        }
    }
}

/// What attempts go by unless their job says otherwise: how long one may take, and how long to
/// wait after it failed. Replaced as a whole when the configuration is read again.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryPolicy {
    /// How long an attempt may take.
    pub job_timeout: Duration,
    /// The waits of kinds that are not named.
    pub default: Backoff,
    /// The waits of these.
    pub kinds: HashMap<Kind, Backoff>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            job_timeout: Duration::from_mins(15),
            default: Backoff::default(),
            kinds: HashMap::new(),
        }
    }
}

impl RetryPolicy {
    /// The waits for a kind.
    pub fn of(&self, kind: &Kind) -> &Backoff {
        self.kinds.get(kind).unwrap_or(&self.default)
    }
}
