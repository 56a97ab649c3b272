//! `[pipelines.NAME]`: collect from sources, compute, publish to destinations.

use serde::Serialize;
use std::{collections::BTreeMap, time::Duration};

use super::{
    human,
    read::{FromText, Reader},
    timing,
};
use crate::{
    backoff::MAX_ATTEMPTS,
    job::name::Label,
    metric::{Expression, MetricKey},
    schedule::{Overlap, Timing},
};

/// Collect from sources, compute, publish to destinations.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pipeline {
    /// The sources; never empty, each once.
    pub sources: Vec<Label>,
    /// The destinations; each once. None: its numbers stand in its result only.
    pub destinations: Vec<Label>,
    /// When it runs; `None`: on demand only.
    #[serde(flatten)]
    pub timing: Option<Timing>,
    /// What is not collected and delivered by then is told in the result.
    #[serde(with = "human::duration")]
    pub timeout: Duration,
    /// How often the collection of each source may fail.
    pub max_attempts: u32,
    /// Metrics computed from those of its sources and from each other; without circles.
    pub computed: BTreeMap<MetricKey, Expression>,
}

impl Pipeline {
    /// How long a pipeline may take unless it says otherwise.
    pub const TIMEOUT: Duration = Duration::from_mins(5);

    /// How often a collection may fail unless its pipeline says otherwise.
    pub const ATTEMPTS: u32 = 3;

    pub(super) fn read(from: &Reader<'_>) -> Option<Self> {
        from.require("sources");
        let sources: Option<Vec<Label>> = from.list("sources");
        let destinations: Vec<Label> = from.list("destinations").unwrap_or_default();
        let pipeline = Self {
            sources: sources.clone().unwrap_or_default(),
            destinations,
            // A run ends within its timeout, so a tick that is left out is soon made up for.
            timing: timing::read(from, Overlap::Skip),
            timeout: from.limited_or(
                "timeout",
                Self::TIMEOUT,
                Duration::from_secs(1)..=Duration::from_hours(24),
            ),
            max_attempts: from.limited_or("max_attempts", Self::ATTEMPTS, 1..=MAX_ATTEMPTS),
            computed: from.values("computed"),
        };
        if sources?.is_empty() && from.fine(&["sources"]) {
            from.blame(
                "sources",
                "is empty; a pipeline without a source collects nothing",
            );
        }
        Some(pipeline)
    }
}

impl FromText for Expression {
    fn from_text(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}
