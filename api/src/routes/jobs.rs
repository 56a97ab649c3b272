//! Jobs: submit, read, list, cancel, retry.

mod submission;
mod submit;
pub(super) mod view;
mod wait;

use axum::{
    Json,
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde::Deserialize;
use shared::{
    config::human::parse_duration,
    job::{JobDetail, JobId, State as JobState},
    store::{CancelParams, Cancelled, RunNow},
};

use super::{List, filter};
use crate::{
    extract::{
        NoBody, Payload, Query, Segment,
        shapes::{Object, Text},
    },
    problem::{Faults, Place, Problem, catalog},
    state::AppState,
};
pub(super) use submission::check_args;
pub(super) use submit::submit;
pub(super) use view::{Detail, Summary};

/// Longest reason for a cancellation, in bytes.
const MAX_REASON: usize = 1000;

/// `GET /v1/jobs`
pub(super) async fn list(
    State(app): State<AppState>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let params = filter::read(query.as_deref(), |query, filter| {
        filter.states = query.many("state");
    })?;
    let page = app.store.list(params).await?;
    Ok(Json(List {
        items: page.items.iter().map(Summary::of).collect(),
        next: page.next.map(|cursor| cursor.to_string()),
    })
    .into_response())
}

/// `GET /v1/jobs/{id}`
pub(super) async fn read(
    State(app): State<AppState>,
    Segment(id): Segment,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let mut query = Query::new(query.as_deref());
    let wait = query.one("wait", parse_duration);
    query.finish()?;
    let id = job_id(&id)?;
    let job = match wait {
        None => look(&app, id).await?,
        Some(wait) => wait::until_ended(&app, id, wait.min(app.settings.request_timeout)).await?,
    };
    Ok(Json(Detail::of(&job, &app.live())).into_response())
}

/// The body of `POST /v1/jobs/{id}/cancel`, which may be left out.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Cancel<'a> {
    /// Why; kept with the job.
    #[serde(borrow)]
    reason: Option<Text<'a>>,
}

/// `POST /v1/jobs/{id}/cancel`
pub(super) async fn cancel(
    State(app): State<AppState>,
    Segment(id): Segment,
    payload: Payload,
) -> Result<Response, Problem> {
    let Object(body) = payload.read_or_default::<Object<Cancel<'_>>>()?;
    let reason = body.reason.as_deref().unwrap_or("no reason was given");
    if reason.len() > MAX_REASON {
        let why = format!("is {} bytes long, more than {MAX_REASON}", reason.len());
        let place = Place::body().member("reason");
        return Err(Problem::validation(Faults::one(place, why)));
    }
    let id = job_id(&id)?;
    let params = CancelParams {
        ids: vec![id],
        reason: reason.to_owned(),
    };
    let status = match app.store.cancel(params).await?.pop() {
        Some(Cancelled::Done | Cancelled::Ended(JobState::Cancelled)) => StatusCode::OK,
        Some(Cancelled::Requested) => StatusCode::ACCEPTED,
        Some(Cancelled::Ended(state)) => return Err(ended(id, state)),
        Some(Cancelled::Unknown) | None => return Err(unknown(&id.to_string())),
    };
    let job = look(&app, id).await?;
    Ok((status, Json(Detail::of(&job, &app.live()))).into_response())
}

/// `POST /v1/jobs/{id}/retry`
pub(super) async fn retry(
    State(app): State<AppState>,
    Segment(id): Segment,
    _: NoBody,
) -> Result<Response, Problem> {
    let id = job_id(&id)?;
    match app.store.run_now(vec![id]).await?.pop() {
        Some(RunNow::Done) => {
            let job = look(&app, id).await?;
            Ok(Json(Detail::of(&job, &app.live())).into_response())
        }
        Some(RunNow::NotWaiting(state)) => Err(not_waiting(id, state)),
        Some(RunNow::Unknown) | None => Err(unknown(&id.to_string())),
    }
}

/// The job's present state.
async fn look(app: &AppState, id: JobId) -> Result<JobDetail, Problem> {
    let found = app.store.get(vec![id]).await?.pop().flatten();
    found.ok_or_else(|| unknown(&id.to_string()))
}

/// The id in a path. What cannot be an id is no job's.
fn job_id(text: &str) -> Result<JobId, Problem> {
    text.parse().map_err(|_| unknown(text))
}

fn unknown(id: &str) -> Problem {
    Problem::not_found(&catalog::JOB_NOT_FOUND, "job", id)
}

fn ended(id: JobId, state: JobState) -> Problem {
    let detail = format!("job {id} is {state}");
    Problem::with(&catalog::JOB_ENDED, detail).in_state(state)
}

fn not_waiting(id: JobId, state: JobState) -> Problem {
    match state {
        JobState::Discarded => {
            let detail = format!(
                "job {id} is a dead letter; to run it again, \
                 POST {{\"ids\": [\"{id}\"]}} to /v1/dead-letters/replay"
            );
            Problem::with(&catalog::JOB_IS_DEAD_LETTER, detail).in_state(state)
        }
        state if state.is_terminal() => ended(id, state),
        state => {
            let detail = format!("job {id} is {state}");
            Problem::with(&catalog::JOB_NOT_WAITING, detail).in_state(state)
        }
    }
}
