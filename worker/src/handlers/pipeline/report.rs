//! What a pipeline's run says about itself: its result. Pure.

use serde::Serialize;
use shared::{
    clock::Timestamp,
    config::{Pipeline, Source},
    job::{JobDetail, State, attempt::shorten, name::Label},
    metric::{MetricKey, Point},
    store::Fate,
};
use std::{collections::BTreeMap, time::Duration};

use crate::handlers::{
    collect::{Collected, LeftOut},
    compute::Computed,
};

/// Most reasons told of one metric or one destination; the rest says the same.
const REASONS: usize = 5;

/// Longest reason in bytes.
const REASON: usize = 500;

/// A pipeline's result.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Report {
    pipeline: Label,
    status: Status,
    begun_at: Timestamp,
    took_ms: u64,
    sources: BTreeMap<Label, OfSource>,
    metrics: BTreeMap<MetricKey, OfMetric>,
    destinations: BTreeMap<Label, OfDestination>,
}

/// How it went in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    /// Every source was collected, every metric has a value, every entry was delivered.
    Published,
    /// Something was published, and something was not.
    Partial,
    /// Nothing was.
    Failed,
}

/// What became of one source.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct OfSource {
    ok: bool,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    points: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// What became of one metric.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
struct OfMetric {
    points: usize,
    /// The one with the latest date.
    #[serde(skip_serializing_if = "Option::is_none")]
    latest: Option<Point>,
    /// Why there are no points, or not all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<String>,
}

/// What became of the entries for one destination.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
struct OfDestination {
    delivered: u64,
    refused: u64,
    waiting: u64,
    /// Why entries were refused, or wait.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    why: Vec<String>,
}

/// Everything that was collected and computed.
#[derive(Debug, PartialEq)]
pub(super) struct Gathered {
    /// The numbers.
    pub(super) points: Vec<Point>,
    sources: BTreeMap<Label, OfSource>,
    metrics: BTreeMap<MetricKey, OfMetric>,
}

/// How far a destination is with the entries of a run.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Delivery {
    /// They are in its buffer, or were.
    Added {
        /// What became of each.
        fates: Vec<Option<Fate>>,
        /// Why nothing is sent to it.
        disabled: Option<String>,
        /// How it last failed, if it did during this run.
        failed: Option<String>,
    },
    /// Its buffer has no room for them.
    Full(String),
    /// There is no such destination.
    Impossible(String),
}

impl Delivery {
    /// How many entries are worth waiting for.
    pub(super) fn open(&self) -> u64 {
        match self {
            Self::Added {
                fates,
                disabled: None,
                ..
            } => fates.iter().filter(|fate| fate.is_none()).count() as u64,
            Self::Full(_) => 1,
            Self::Added { .. } | Self::Impossible(_) => 0,
        }
    }
}

impl Gathered {
    /// What the collections of a pipeline gave, in the order of its sources.
    pub(super) fn new(
        pipeline: &Pipeline,
        known: &BTreeMap<Label, Source>,
        children: &[Option<JobDetail>],
    ) -> Self {
        let mut gathered = Self {
            points: Vec::new(),
            sources: BTreeMap::new(),
            metrics: BTreeMap::new(),
        };
        for (name, child) in pipeline.sources.iter().zip(children) {
            let keys: Vec<&MetricKey> =
                known.get(name).map(Source::metric_keys).unwrap_or_default();
            for key in &keys {
                gathered.metrics.entry((*key).clone()).or_default();
            }
            let attempts = child.as_ref().map_or(0, |child| child.summary.attempt);
            let told = match collected(child.as_ref()) {
                Ok(collected) => {
                    let points = collected.reading.points.len();
                    gathered.leave_out(collected.reading.left_out);
                    gathered.points.extend(collected.reading.points);
                    (Some(points), None)
                }
                Err(why) => {
                    let because = format!("source {name} failed");
                    gathered.leave_out(keys.iter().map(|key| LeftOut {
                        key: (*key).clone(),
                        why: because.clone(),
                    }));
                    (None, Some(shorten(why, REASON).into_string()))
                }
            };
            let (points, why) = told;
            let ok = points.is_some();
            let of_source = OfSource {
                ok,
                attempts,
                points,
                why,
            };
            gathered.sources.insert(name.clone(), of_source);
        }
        for key in pipeline.computed.keys() {
            gathered.metrics.entry(key.clone()).or_default();
        }
        gathered
    }

    /// With what was computed from it.
    pub(super) fn with(mut self, computed: Computed) -> Self {
        self.leave_out(computed.left_out);
        self.points.extend(computed.points);
        for point in &self.points {
            let of_metric = self.metrics.entry(point.key.clone()).or_default();
            of_metric.points += 1;
            if of_metric
                .latest
                .as_ref()
                .is_none_or(|latest| latest.date <= point.date)
            {
                of_metric.latest = Some(point.clone());
            }
        }
        self
    }

    fn leave_out(&mut self, left_out: impl IntoIterator<Item = LeftOut>) {
        for LeftOut { key, why } in left_out {
            let reasons = &mut self.metrics.entry(key).or_default().left_out;
            if reasons.len() < REASONS {
                reasons.push(shorten(why, REASON).into_string());
            }
        }
    }
}

/// What a collection gave.
fn collected(child: Option<&JobDetail>) -> Result<Collected, String> {
    let Some(child) = child else {
        return Err(
            "its collection was forgotten before it was read: retention is short".to_owned(),
        );
    };
    // One that was given up may have ended well meanwhile; it came too late.
    if let Some((_, reason)) = &child.cancel_requested {
        return Err(reason.clone());
    }
    match (child.summary.state, &child.result) {
        (State::Completed, Some(result)) => serde_json::from_slice(result)
            .map_err(|error| format!("its collection left another result: {error}")),
        (state, _) => {
            let error = child.summary.last_error.as_ref();
            let message = error.map(|error| error.failure.message.to_string());
            Err(message.unwrap_or_else(|| format!("its collection is {state}")))
        }
    }
}

/// The result of a run.
pub(super) fn report(
    pipeline: &Label,
    begun_at: Timestamp,
    took: Duration,
    gathered: Gathered,
    deliveries: Vec<(Label, Delivery)>,
) -> Report {
    let destinations: BTreeMap<Label, OfDestination> = deliveries
        .into_iter()
        .map(|(name, delivery)| (name, of_destination(delivery)))
        .collect();
    Report {
        pipeline: pipeline.clone(),
        status: status(&gathered, &destinations),
        begun_at,
        took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        sources: gathered.sources,
        metrics: gathered.metrics,
        destinations,
    }
}

fn of_destination(delivery: Delivery) -> OfDestination {
    let mut of_destination = OfDestination::default();
    let mut tell = |why: String| {
        let why = shorten(why, REASON).into_string();
        if of_destination.why.len() < REASONS && !of_destination.why.contains(&why) {
            of_destination.why.push(why);
        }
    };
    let (fates, waits) = match delivery {
        Delivery::Full(why) | Delivery::Impossible(why) => {
            tell(why);
            return of_destination;
        }
        Delivery::Added {
            fates,
            disabled,
            failed,
        } => (
            fates,
            disabled.map(|why| format!("is disabled: {why}")).or(failed),
        ),
    };
    let (mut delivered, mut refused, mut waiting) = (0, 0, 0);
    for fate in fates {
        match fate {
            Some(Fate::Delivered) => delivered += 1,
            Some(Fate::Refused(why)) => {
                refused += 1;
                tell(why);
            }
            None => waiting += 1,
        }
    }
    if waiting > 0 {
        tell(waits.unwrap_or_else(|| "was not flushed in time".to_owned()));
    }
    OfDestination {
        delivered,
        refused,
        waiting,
        ..of_destination
    }
}

fn status(gathered: &Gathered, destinations: &BTreeMap<Label, OfDestination>) -> Status {
    let nothing = if destinations.is_empty() {
        gathered.points.is_empty()
    } else {
        destinations.values().all(|to| to.delivered == 0)
    };
    let all = gathered.sources.values().all(|source| source.ok)
        && gathered.metrics.values().all(|metric| metric.points > 0)
        && destinations.values().all(|to| to.why.is_empty());
    match (nothing, all) {
        (true, _) => Status::Failed,
        (false, true) => Status::Published,
        (false, false) => Status::Partial,
    }
}

#[cfg(test)]
pub(super) mod tests;
