//! What the demo tells, one thing after the other: as JSON, one object a line, or for people.

use serde::Serialize;
use shared::{
    job::{JobDetail, JobId, State},
    schedule::definition::PIPELINE_KIND,
    shutdown::Shutdown,
};
use std::{
    io::Write as _,
    path::PathBuf,
    time::{Duration, Instant},
};

use super::{
    ready::{Ready, millis},
    receiver::{Happening, Taken},
    result::RunResult,
    screen,
};

/// One thing that is told.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event {
    /// The demo runs, and its first jobs have ended, or are late.
    Ready(Box<Ready>),
    /// A later job has ended.
    JobEnded(Ended),
    /// More jobs have ended than are told one by one.
    MoreEnded { jobs: usize },
    /// The service was mended, or broken again.
    Switched { mended: bool },
    /// The receiver refused something.
    Refused { what: &'static str, why: String },
    /// The demo ends.
    Stopping,
    /// It has ended.
    Stopped(Summary),
}

/// A job that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Ended {
    pub(super) job: JobId,
    pub(super) kind: String,
    pub(super) state: State,
    pub(super) attempts: u32,
    pub(super) replay_of: Option<JobId>,
    pub(super) error: Option<String>,
    /// Of a pipeline's run.
    pub(super) run: Option<Run>,
}

/// What a pipeline's run has done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Run {
    pub(super) status: String,
    pub(super) took_ms: u64,
    pub(super) metrics: usize,
    pub(super) why: Option<String>,
}

/// What was run in all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Summary {
    pub(super) ran_ms: u64,
    /// Runs of pipelines, and other jobs, as far as they were seen to end.
    pub(super) pipeline_runs: u64,
    pub(super) other_jobs: u64,
    pub(super) taken: Taken,
    pub(super) directory: PathBuf,
    pub(super) kept: bool,
}

impl Ended {
    /// What is told of a job.
    pub(super) fn of(job: &JobDetail) -> Self {
        let summary = &job.summary;
        let failed = matches!(summary.state, State::Discarded | State::Cancelled);
        let error = summary.last_error.as_ref().filter(|_| failed);
        let run = RunResult::of(job).filter(|_| summary.kind.as_str() == PIPELINE_KIND);
        Self {
            job: summary.id,
            kind: summary.kind.to_string(),
            state: summary.state,
            attempts: summary.attempt,
            replay_of: summary.replay_of,
            error: error.map(|error| error.failure.message.trim_end().to_owned()),
            run: run.map(|run| Run {
                why: run.why(),
                metrics: run
                    .metrics
                    .values()
                    .filter(|metric| metric.latest.is_some())
                    .count(),
                status: run.status,
                took_ms: run.took_ms,
            }),
        }
    }
}

impl From<Happening> for Event {
    fn from(happening: Happening) -> Self {
        match happening {
            Happening::Switched { mended } => Self::Switched { mended },
            Happening::Refused { what, why } => Self::Refused { what, why },
        }
    }
}

/// An event and its time, as a line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    /// Since the start.
    after_ms: u64,
    #[serde(flatten)]
    event: &'a Event,
}

/// Tells events. When nobody reads any more, the demo is asked to end.
#[derive(Debug)]
pub(super) struct Teller {
    pub(super) began: Instant,
    pub(super) json: bool,
    pub(super) shutdown: Shutdown,
}

impl Teller {
    pub(super) fn after(&self) -> Duration {
        self.began.elapsed()
    }

    /// Tells one.
    pub(super) fn tell(&self, event: &Event) {
        let text = self.text(event);
        let mut out = anstream::stdout().lock();
        let told = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        if let Err(error) = told {
            // Logged once: later lines find the demo on its way out.
            if !self.shutdown.is_draining() {
                tracing::info!("nobody reads what the demo tells, so it ends: {error}");
                self.shutdown.drain();
            }
        }
    }

    fn text(&self, event: &Event) -> String {
        let after = self.after();
        if self.json {
            let line = Line {
                after_ms: millis(after),
                event,
            };
            let line = serde_json::to_string(&line).expect("events have a JSON form");
            return format!("{line}\n");
        }
        screen::render(event, after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_json_is_one_object_with_its_time() {
        let teller = Teller {
            began: Instant::now(),
            json: true,
            shutdown: Shutdown::new(),
        };
        let line = teller.text(&Event::Switched { mended: true });
        assert!(line.ends_with("}\n") && line.lines().count() == 1, "{line}");
        let told: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            (&told["event"], &told["mended"]),
            (&"switched".into(), &true.into())
        );
        assert!(told["after_ms"].is_u64());
    }
}
