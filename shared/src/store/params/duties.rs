//! What keeps jobs moving, and what queues hold.

use crate::clock::Timestamp;
use crate::job::JobId;
use crate::job::QueueName;
use crate::job::State;
use crate::lease::WorkerId;
use std::time::Duration;

/// What a promote did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Promoted {
    /// Jobs that became available.
    pub count: usize,
    /// How long until the next one is due: zero when the limit left some; `None` when none waits.
    pub next_in: Option<Duration>,
}

/// See [`crate::store::DutyStore::rescue`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RescueParams {
    /// With this many crashes a job is discarded.
    pub max_crashes: u32,
    /// At most so many jobs.
    pub limit: usize,
}

/// What a rescue did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rescued {
    /// Jobs that are available again.
    pub requeued: Vec<JobId>,
    /// Jobs that crashed too often.
    pub discarded: Vec<JobId>,
    /// Jobs that somebody had wanted stopped.
    pub cancelled: Vec<JobId>,
    /// Workers whose registration ended.
    pub workers: Vec<WorkerId>,
}

/// How long ended jobs are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Completed ones.
    pub completed: Duration,
    /// Cancelled ones.
    pub cancelled: Duration,
    /// Dead letters.
    pub discarded: Duration,
}

impl Default for Retention {
    /// A day; thirty for dead letters.
    fn default() -> Self {
        let day = Duration::from_hours(24);
        Self {
            completed: day,
            cancelled: day,
            discarded: day * 30,
        }
    }
}

/// See [`crate::store::DutyStore::prune`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PruneParams {
    /// How long what is kept.
    pub retention: Retention,
    /// At most so many jobs.
    pub limit: usize,
}

/// What a prune did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// Jobs that were forgotten.
    pub count: usize,
    /// Whether more wait to be.
    pub more: bool,
}

/// A queue and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueRecord {
    /// Its name.
    pub name: QueueName,
    /// Since when it is paused.
    pub paused_at: Option<Timestamp>,
    /// How many jobs are in each state, in the order of [`State::ALL`].
    pub counts: [u64; 8],
    /// Whether the counts are exact.
    pub exact: bool,
    /// Since when its oldest available job is available.
    pub oldest_available_at: Option<Timestamp>,
}

impl QueueRecord {
    /// How many jobs are in `state`.
    pub fn count(&self, state: State) -> u64 {
        State::ALL
            .iter()
            .zip(self.counts)
            .find(|(s, _)| **s == state)
            .map_or(0, |(_, n)| n)
    }
}
