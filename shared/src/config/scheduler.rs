//! `[scheduler]`: leading, and the leader's duties.

use serde::Serialize;
use std::time::Duration;

use super::{human, read::Reader};
use crate::lease::LEASE;

/// Leading, and the leader's duties.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Scheduler {
    /// How long a silent leader stays leader; within [`LEASE`].
    #[serde(with = "human::duration")]
    pub lease: Duration,
    /// How often expired leases are looked for.
    #[serde(with = "human::duration")]
    pub rescue_every: Duration,
    /// How often ended jobs are forgotten.
    #[serde(with = "human::duration")]
    pub prune_every: Duration,
    /// Most jobs that are forgotten in one step.
    pub prune_batch: u32,
}

impl Default for Scheduler {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(10),
            rescue_every: Duration::from_secs(1),
            prune_every: Duration::from_secs(10),
            prune_batch: 5000,
        }
    }
}

impl Scheduler {
    pub(super) fn read(from: &Reader<'_>) -> Self {
        const EVERY: std::ops::RangeInclusive<Duration> =
            Duration::from_millis(100)..=Duration::from_hours(24);
        let default = Self::default();
        Self {
            lease: from.limited_or("lease", default.lease, LEASE),
            rescue_every: from.limited_or("rescue_every", default.rescue_every, EVERY),
            prune_every: from.limited_or("prune_every", default.prune_every, EVERY),
            prune_batch: from.limited_or("prune_batch", default.prune_batch, 1..=100_000),
        }
    }
}
