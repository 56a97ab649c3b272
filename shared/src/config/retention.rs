//! `[retention]`: how long jobs are kept after they ended.

use serde::Serialize;
use std::time::Duration;

use super::{human, read::Reader};
use crate::{backoff::MAX_WAIT, store};

/// How long jobs are kept after they ended; up to ten years each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Retention {
    /// Completed ones.
    #[serde(with = "human::duration")]
    pub completed: Duration,
    /// Cancelled ones.
    #[serde(with = "human::duration")]
    pub cancelled: Duration,
    /// Dead letters.
    #[serde(with = "human::duration")]
    pub discarded: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            completed: Duration::from_hours(24),
            cancelled: Duration::from_hours(24),
            discarded: Duration::from_hours(24 * 30),
        }
    }
}

impl From<&Retention> for store::Retention {
    fn from(retention: &Retention) -> Self {
        let Retention {
            completed,
            cancelled,
            discarded,
        } = *retention;
        Self {
            completed,
            cancelled,
            discarded,
        }
    }
}

impl Retention {
    pub(super) fn read(from: &Reader<'_>) -> Self {
        const KEPT: std::ops::RangeInclusive<Duration> = Duration::ZERO..=MAX_WAIT;
        let default = Self::default();
        Self {
            completed: from.limited_or("completed", default.completed, KEPT),
            cancelled: from.limited_or("cancelled", default.cancelled, KEPT),
            discarded: from.limited_or("discarded", default.discarded, KEPT),
        }
    }
}
