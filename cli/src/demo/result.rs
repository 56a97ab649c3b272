//! What a run of a pipeline says about itself, read back from its result.

use serde::{Deserialize, Serialize};
use shared::{clock::Timestamp, job::JobDetail};
use std::collections::BTreeMap;

/// The result of a run, as far as people are told of it.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub(super) struct RunResult {
    pub(super) status: String,
    pub(super) took_ms: u64,
    #[serde(default)]
    pub(super) sources: BTreeMap<String, OfSource>,
    #[serde(default)]
    pub(super) metrics: BTreeMap<String, OfMetric>,
    #[serde(default)]
    pub(super) destinations: BTreeMap<String, OfDestination>,
}

/// What became of one source.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub(super) struct OfSource {
    #[serde(default)]
    pub(super) why: Option<String>,
}

/// What became of one metric.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub(super) struct OfMetric {
    #[serde(default)]
    pub(super) latest: Option<Point>,
    #[serde(default)]
    pub(super) left_out: Vec<String>,
}

/// A number.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub(super) struct Point {
    pub(super) value: f64,
    #[serde(default)]
    pub(super) date: Option<Timestamp>,
    #[serde(default)]
    pub(super) unit: Option<String>,
}

/// What became of the entries for one destination.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct OfDestination {
    pub(super) delivered: u64,
    pub(super) refused: u64,
    pub(super) waiting: u64,
    #[serde(default)]
    pub(super) why: Vec<String>,
}

impl RunResult {
    /// The result of a run that has ended well; `None` when it has not, or left something else.
    pub(super) fn of(run: &JobDetail) -> Option<Self> {
        serde_json::from_slice(run.result.as_ref()?).ok()
    }

    /// Why not all of it was published, if so: the first reason.
    pub(super) fn why(&self) -> Option<String> {
        let source =
            |(name, of): (&String, &OfSource)| Some(format!("{name}: {}", of.why.as_ref()?));
        let metric =
            |(name, of): (&String, &OfMetric)| Some(format!("{name}: {}", of.left_out.first()?));
        let destination =
            |(name, of): (&String, &OfDestination)| Some(format!("{name}: {}", of.why.first()?));
        let sources = self.sources.iter().filter_map(source);
        let metrics = self.metrics.iter().filter_map(metric);
        let destinations = self.destinations.iter().filter_map(destination);
        sources.chain(destinations).chain(metrics).next()
    }
}
