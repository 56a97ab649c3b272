//! What the first screen tells, gathered from what happened: nothing in it is made up.

use serde::Serialize;
use shared::{
    config::{Config, Source},
    job::{JobDetail, JobId, State},
    schedule::{Timing, timing::When},
};
use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use super::{
    commands::{Commands, Printed},
    first::{PIPELINE, Seen},
    receiver::Taken,
    result::{OfDestination, RunResult},
    samples::{Addresses, Origins},
};

/// The first screen, and the event `ready`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Ready {
    pub(super) version: &'static str,
    pub(super) pid: u32,
    /// Whether everything that the first screen is to show has happened.
    pub(super) complete: bool,
    pub(super) place: Place,
    pub(super) samples: Addresses,
    pub(super) data: Origins,
    pub(super) pipeline: Pipeline,
    /// What the sample receiver has taken.
    pub(super) taken: Taken,
    pub(super) dead_letter: DeadLetter,
    pub(super) commands: Printed,
}

/// Where the demo is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Place {
    /// The API's address, as a URL.
    pub(super) api: String,
    /// The usual address, which was taken.
    pub(super) instead_of: Option<String>,
    pub(super) directory: PathBuf,
    pub(super) config: PathBuf,
    pub(super) log: PathBuf,
    pub(super) kept: bool,
}

/// The first run of the pipeline.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Pipeline {
    pub(super) name: &'static str,
    pub(super) job: JobId,
    pub(super) state: State,
    /// `published`, `partial` or `failed`, once it has ended.
    pub(super) status: Option<String>,
    pub(super) took_ms: Option<u64>,
    /// How often it runs from now on.
    pub(super) every_ms: Option<u64>,
    /// What is missing, and why.
    pub(super) why: Option<String>,
    pub(super) metrics: Vec<Metric>,
    pub(super) destinations: BTreeMap<String, OfDestination>,
}

/// A number that was collected or computed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Metric {
    pub(super) key: String,
    pub(super) value: f64,
    pub(super) date: Option<String>,
    pub(super) unit: Option<String>,
    /// Where it comes from: a type of source, or `computed`.
    pub(super) from: &'static str,
}

/// The job that fails on purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct DeadLetter {
    pub(super) job: JobId,
    /// `discarded` once it is a dead letter.
    pub(super) state: State,
    pub(super) attempts: u32,
    pub(super) error: Option<String>,
}

/// What is known beside the jobs.
pub(super) struct Known<'a> {
    pub(super) place: Place,
    pub(super) samples: Addresses,
    pub(super) data: Origins,
    pub(super) taken: Taken,
    pub(super) config: &'a Config,
    pub(super) commands: &'a Commands,
}

impl Ready {
    /// What has happened until now.
    pub(super) fn gather(known: Known<'_>, seen: &Seen) -> Self {
        let pipeline = Pipeline::of(&seen.run, known.config);
        let dead_letter = DeadLetter::of(&seen.failing);
        Self {
            version: env!("CARGO_PKG_VERSION"),
            pid: std::process::id(),
            complete: pipeline.status.as_deref() == Some("published")
                && dead_letter.state == State::Discarded,
            commands: known.commands.printed(dead_letter.job, PIPELINE),
            place: known.place,
            samples: known.samples,
            data: known.data,
            taken: known.taken,
            pipeline,
            dead_letter,
        }
    }
}

impl Pipeline {
    fn of(run: &JobDetail, config: &Config) -> Self {
        let result = RunResult::of(run);
        let timing = config
            .pipelines
            .get(PIPELINE)
            .and_then(|known| known.timing.as_ref());
        let why = match &result {
            Some(result) => result.why(),
            None => run
                .summary
                .last_error
                .as_ref()
                .map(|error| error.failure.message.to_string()),
        };
        Self {
            name: PIPELINE,
            job: run.summary.id,
            state: run.summary.state,
            status: result.as_ref().map(|result| result.status.clone()),
            took_ms: result.as_ref().map(|result| result.took_ms),
            every_ms: timing.and_then(interval),
            why,
            metrics: result
                .as_ref()
                .map(|result| metrics(result, config))
                .unwrap_or_default(),
            destinations: result.map(|result| result.destinations).unwrap_or_default(),
        }
    }
}

impl DeadLetter {
    fn of(job: &JobDetail) -> Self {
        let error = job.summary.last_error.as_ref();
        Self {
            job: job.summary.id,
            state: job.summary.state,
            attempts: job.summary.attempt,
            error: error.map(|error| error.failure.message.trim_end().to_owned()),
        }
    }
}

fn interval(timing: &Timing) -> Option<u64> {
    match &timing.when {
        When::Every(every) => Some(millis(every.get())),
        When::Cron { .. } => None,
    }
}

/// The numbers in the order of the configuration: those of the sources, then the computed ones.
fn metrics(result: &RunResult, config: &Config) -> Vec<Metric> {
    let Some(pipeline) = config.pipelines.get(PIPELINE) else {
        return Vec::new();
    };
    let sources = pipeline
        .sources
        .iter()
        .filter_map(|name| config.sources.get(name));
    let collected = sources.flat_map(|source| {
        let from = match source {
            Source::Jsonstat(_) => "PxWeb table",
            Source::HttpJson(_) => "JSON API",
        };
        source.metric_keys().into_iter().map(move |key| (key, from))
    });
    let computed = pipeline.computed.keys().map(|key| (key, "computed"));
    collected
        .chain(computed)
        .filter_map(|(key, from)| {
            let point = result.metrics.get(key.as_str())?.latest.clone()?;
            Some(Metric {
                key: key.as_str().to_owned(),
                value: point.value,
                date: point.date.map(|date| date.to_string()),
                unit: point.unit,
                from,
            })
        })
        .collect()
}

/// A length of time in milliseconds.
pub(super) fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}
