//! `POST /v1/jobs`: one job, or an array of them, accepted whole or not at all.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use shared::{
    clock::Timestamp,
    job::{JobId, State as JobState},
    store::Enqueued,
    telemetry::fields,
};

use super::{Detail, look, submission::Reader};
use crate::{extract::Payload, layers::caller, problem::Problem, routes::List, state::AppState};

/// What became of one job.
#[derive(Serialize)]
struct Judged {
    /// `new`, `repeated` (this id is known already) or `duplicate` (another job holds the unique
    /// key).
    verdict: &'static str,
    /// The job that stands for the one submitted: itself, or the one that holds the key.
    id: JobId,
    /// Where a new one stands.
    state: Option<JobState>,
}

/// What became of a job that was submitted alone.
#[derive(Serialize)]
struct Submitted<'a> {
    #[serde(flatten)]
    verdict: Judged,
    /// The job named by `id`; null when it could not be read back at once.
    job: Option<Detail<'a>>,
}

impl Judged {
    fn of(id: JobId, enqueued: Enqueued) -> Self {
        let (verdict, id, state) = match enqueued {
            Enqueued::New(state) => ("new", id, Some(state)),
            Enqueued::Repeated => ("repeated", id, None),
            Enqueued::Duplicate { holder } => ("duplicate", holder, None),
        };
        Self { verdict, id, state }
    }
}

/// `POST /v1/jobs`
pub(in crate::routes) async fn submit(
    State(app): State<AppState>,
    headers: HeaderMap,
    payload: Payload,
) -> Result<Response, Problem> {
    let many = payload.first() == Some(b'[');
    let live = app.live();
    let max_jobs = live.max_jobs_per_request;
    let reader = Reader {
        many,
        max_jobs,
        max_attempts: live.max_attempts,
        trace: caller(&headers),
    };
    let submission = payload.read_with(reader).await?;
    let now = if submission.needs_now() {
        app.store.now().await?
    } else {
        Timestamp::default()
    };
    let jobs = submission.finish(max_jobs, now)?;
    let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
    let enqueued = app.store.enqueue(jobs).await?;
    let is_new = |enqueued: &Enqueued| matches!(enqueued, Enqueued::New(_));
    let status = if enqueued.iter().any(is_new) {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let mut verdicts = ids
        .into_iter()
        .zip(enqueued)
        .map(|(id, enqueued)| Judged::of(id, enqueued));
    if many {
        return Ok((status, Json(List::all(verdicts))).into_response());
    }
    let Some(verdict) = verdicts.next() else {
        return Err(Problem::internal("the store gave no verdict"));
    };
    // The job is accepted, whatever becomes of this look at it.
    let job = match look(&app, verdict.id).await {
        Ok(job) => Some(job),
        Err(problem) => {
            tracing::debug!({ fields::JOB_ID } = %verdict.id, ?problem, "submitted, but not read back");
            None
        }
    };
    let location = [(header::LOCATION, format!("/v1/jobs/{}", verdict.id))];
    let body = Submitted {
        verdict,
        job: job.as_ref().map(|job| Detail::of(job, &live)),
    };
    Ok((status, location, Json(body)).into_response())
}
