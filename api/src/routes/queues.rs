//! Queues: list, read, pause, resume.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use shared::{
    clock::Timestamp,
    job::{QueueName, State as JobState},
    store::QueueRecord,
};
use std::collections::BTreeMap;

use super::List;
use crate::{
    extract::{Payload, Segment, shapes::Object},
    problem::{Problem, catalog},
    state::AppState,
};

/// A queue.
#[derive(Serialize)]
struct Queue {
    name: QueueName,
    paused: bool,
    paused_at: Option<Timestamp>,
    /// How many jobs are in each state.
    counts: BTreeMap<JobState, u64>,
    /// Whether the counts are exact.
    exact: bool,
    oldest_available_at: Option<Timestamp>,
}

impl Queue {
    fn of(record: QueueRecord) -> Self {
        let count = |state| (state, record.count(state));
        Self {
            paused: record.paused_at.is_some(),
            paused_at: record.paused_at,
            counts: JobState::ALL.into_iter().map(count).collect(),
            exact: record.exact,
            oldest_available_at: record.oldest_available_at,
            name: record.name,
        }
    }
}

/// The body of `PATCH /v1/queues/{name}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    /// While a queue is paused, nothing of it is claimed; what runs, runs on.
    paused: bool,
}

/// `GET /v1/queues`
pub(super) async fn list(State(app): State<AppState>) -> Result<Response, Problem> {
    let queues = app.store.queues().await?;
    Ok(Json(List::all(queues.into_iter().map(Queue::of))).into_response())
}

/// `GET /v1/queues/{name}`
pub(super) async fn read(
    State(app): State<AppState>,
    Segment(name): Segment,
) -> Result<Response, Problem> {
    find(&app, &queue_name(&name)?).await
}

/// `PATCH /v1/queues/{name}`
pub(super) async fn change(
    State(app): State<AppState>,
    Segment(name): Segment,
    payload: Payload,
) -> Result<Response, Problem> {
    let Object(Change { paused }) = payload.read()?;
    let name = queue_name(&name)?;
    app.store.set_paused(name.clone(), paused).await?;
    find(&app, &name).await
}

async fn find(app: &AppState, name: &QueueName) -> Result<Response, Problem> {
    let mut queues = app.store.queues().await?.into_iter();
    match queues.find(|queue| queue.name == *name) {
        Some(queue) => Ok(Json(Queue::of(queue)).into_response()),
        None => Err(unknown(name.as_str())),
    }
}

/// The name in a path. What cannot be a name is no queue's.
fn queue_name(text: &str) -> Result<QueueName, Problem> {
    text.parse().map_err(|_| unknown(text))
}

fn unknown(name: &str) -> Problem {
    Problem::not_found(&catalog::QUEUE_NOT_FOUND, "queue", name)
}
