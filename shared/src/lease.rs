//! Ownership for a while: how a worker holds jobs, and how a stale worker is told apart.
//!
//! A worker process registers and is given a [`WorkerId`] that is never given out again. Each of
//! its claims has a number that the worker counts up. The pair, with the place of the job that
//! the store chose, is the **token** of an attempt. Every settle and every progress report names
//! it, and the store compares it with what it holds: when the job was rescued meanwhile, the token
//! is gone and nothing changes. The whole process holds one lease, renewed by one heartbeat; when
//! it expires, everything the process still holds is rescued.

use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

use crate::{clock::Timestamp, job::QueueName};

/// One start of one worker process. Never reused, not even after a crash of the store.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct WorkerId(pub u64);

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What proves that an attempt is still owned by who speaks of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeaseToken {
    /// Who claimed.
    pub worker: WorkerId,
    /// Which of the worker's claims, from 1.
    pub claim: u64,
    /// Where the store keeps the job. Means nothing to anybody else.
    pub slot: u64,
}

/// What a worker says about itself when it registers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerInfo {
    /// A name for people; need not be unique.
    pub name: String,
    /// The machine.
    pub host: String,
    /// The process.
    pub pid: u32,
    /// The version of the program.
    pub version: String,
    /// The queues it serves by name; none: all there are.
    pub queues: Vec<QueueName>,
    /// How many jobs it runs at once.
    pub concurrency: u32,
}

/// A worker as others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerRecord {
    /// Its id.
    pub id: WorkerId,
    /// What it said about itself.
    pub info: WorkerInfo,
    /// When it registered.
    pub started_at: Timestamp,
    /// Its last heartbeat.
    pub beat_at: Timestamp,
    /// When its lease ends unless it is heard of.
    pub expires_at: Timestamp,
    /// How many jobs it holds.
    pub running: u64,
}

/// Shortest and longest lease: below, a pause of the machine looks like death; above, the dead
/// hold their jobs for too long.
pub const LEASE: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_hours(1);

/// Workers that died this many times over one job, and no more: then it is discarded.
pub const MAX_CRASHES: u32 = 3;
