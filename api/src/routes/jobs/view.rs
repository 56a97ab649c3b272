//! How a job is shown. Every member is always there; what does not apply is null.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use shared::{
    backoff::Backoff,
    clock::Timestamp,
    config::{human::format_duration, telemetry::page},
    job::{
        AttemptError, JobDetail, JobId, JobSummary, Kind, Priority, QueueName, State, Tag, Unique,
        UniqueKey, UniquePolicy, attempt::ErrorKind,
    },
    telemetry::traces::jobs,
};

use crate::{Live, problem::catalog::Entry};

/// A job in a list.
#[derive(Serialize)]
pub(crate) struct Summary<'a> {
    id: JobId,
    kind: &'a Kind,
    queue: &'a QueueName,
    priority: Priority,
    state: State,
    attempt: u32,
    max_attempts: u32,
    crashes: u32,
    tags: &'a [Tag],
    accepted_at: Timestamp,
    due_at: Option<Timestamp>,
    claimed_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    error: Option<AttemptProblem<'a>>,
    replay_of: Option<JobId>,
    replayed_as: Option<JobId>,
}

impl<'a> Summary<'a> {
    /// The view of a job.
    pub(crate) fn of(job: &'a JobSummary) -> Self {
        // An error explains these states; in any other it is history, and stands in `errors`.
        let explained = matches!(
            job.state,
            State::Retryable | State::Discarded | State::Cancelled
        );
        let error = job.last_error.as_ref().filter(|_| explained);
        Self {
            id: job.id,
            kind: &job.kind,
            queue: &job.queue,
            priority: job.priority,
            state: job.state,
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            crashes: job.crashes,
            tags: &job.tags,
            accepted_at: job.accepted_at,
            due_at: job.due_at,
            claimed_at: job.claimed_at,
            ended_at: job.ended_at,
            error: error.map(AttemptProblem::of),
            replay_of: job.replay_of,
            replayed_as: job.replayed_as,
        }
    }
}

/// Everything about one job.
#[derive(Serialize)]
pub(crate) struct Detail<'a> {
    #[serde(flatten)]
    summary: Summary<'a>,
    args: Content<'a>,
    content_type: &'a str,
    unique: Option<UniqueView<'a>>,
    timeout: Option<String>,
    backoff: Option<Backoff>,
    progress: Option<Content<'a>>,
    result: Option<Content<'a>>,
    errors: Vec<AttemptView<'a>>,
    worker: Option<u64>,
    cancel_requested: Option<CancelRequest<'a>>,
    trace_id: Option<String>,
    trace_url: Option<String>,
}

impl<'a> Detail<'a> {
    /// The view of a job.
    pub(crate) fn of(job: &'a JobDetail, live: &Live) -> Self {
        let trace_id = jobs::trace_id(job.summary.id, job.trace.as_ref());
        let trace_url = live.jaeger_url.as_ref().zip(trace_id.as_deref());
        let args = match job.args.other_content_type() {
            None => Content::json(job.args.bytes()),
            Some(_) => Content::base64(job.args.bytes()),
        };
        let cancel_requested = job.cancel_requested.as_ref();
        Self {
            summary: Summary::of(&job.summary),
            args,
            content_type: job.args.content_type(),
            unique: job.unique.as_ref().map(UniqueView::of),
            timeout: job.timeout.map(format_duration),
            backoff: job.backoff,
            progress: job.progress.as_ref().map(Content::json),
            result: job.result.as_ref().map(Content::json),
            errors: job.errors.iter().map(AttemptView::of).collect(),
            worker: job.worker,
            cancel_requested: cancel_requested
                .map(|(at, reason)| CancelRequest { at: *at, reason }),
            trace_url: trace_url.map(|(jaeger, trace)| page(jaeger, trace)),
            trace_id,
        }
    }
}

/// Bytes: JSON as it was written, anything else in base64.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Content<'a> {
    Json(&'a RawValue),
    Base64(String),
}

impl<'a> Content<'a> {
    /// Bytes that should be JSON. Whoever shares the store may have written others, and an answer
    /// that is no JSON would help nobody.
    pub(crate) fn json(bytes: &'a Bytes) -> Self {
        serde_json::from_slice(bytes).map_or_else(|_| Self::base64(bytes), Self::Json)
    }

    fn base64(bytes: &[u8]) -> Self {
        Self::Base64(STANDARD.encode(bytes))
    }
}

/// A unique key, in the words of a submission.
#[derive(Serialize)]
struct UniqueView<'a> {
    key: &'a UniqueKey,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<String>,
}

impl<'a> UniqueView<'a> {
    fn of(unique: &'a Unique) -> Self {
        let (until, window) = match unique.policy {
            UniquePolicy::UntilStarted => (Some("started"), None),
            UniquePolicy::UntilFinished => (Some("finished"), None),
            UniquePolicy::Window(window) => (None, Some(format_duration(window))),
        };
        Self {
            key: &unique.key,
            until,
            window,
        }
    }
}

/// Why a job stands where it stands, as a problem without a status.
#[derive(Serialize)]
struct AttemptProblem<'a> {
    r#type: String,
    title: &'static str,
    detail: &'a str,
    attempt: u32,
    at: Timestamp,
    worker: u64,
    kind: ErrorKind,
    error_type: Option<&'a str>,
}

impl<'a> AttemptProblem<'a> {
    fn of(error: &'a AttemptError) -> Self {
        let entry = Entry::of_attempt(error.failure.kind);
        Self {
            r#type: entry.uri(),
            title: entry.title,
            detail: &error.failure.message,
            attempt: error.attempt,
            at: error.at,
            worker: error.worker,
            kind: error.failure.kind,
            error_type: error_type(error),
        }
    }
}

/// One attempt that went wrong.
#[derive(Serialize)]
struct AttemptView<'a> {
    attempt: u32,
    at: Timestamp,
    worker: u64,
    kind: ErrorKind,
    error_type: Option<&'a str>,
    message: &'a str,
}

impl<'a> AttemptView<'a> {
    fn of(error: &'a AttemptError) -> Self {
        Self {
            attempt: error.attempt,
            at: error.at,
            worker: error.worker,
            kind: error.failure.kind,
            error_type: error_type(error),
            message: &error.failure.message,
        }
    }
}

fn error_type(error: &AttemptError) -> Option<&str> {
    Some(&*error.failure.error_type).filter(|name| !name.is_empty())
}

/// Somebody asked to stop the job.
#[derive(Serialize)]
struct CancelRequest<'a> {
    at: Timestamp,
    reason: &'a str,
}
