//! What scrapers and scalers ask. Read only, so that it may also stand where other machines reach it.

use axum::{
    Json, Router,
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
    routing::get,
};
use http::header;
use serde::Serialize;
use shared::{
    job::{QueueName, State as JobState},
    store::Store,
    telemetry::metrics,
};
use std::sync::Arc;

use crate::{extract::Query, problem::Problem};

/// The addresses, for a table of any state.
pub(crate) fn table<S: Clone + Send + Sync + 'static>(store: Arc<dyn Store>) -> Router<S> {
    Router::new()
        .route("/metrics", get(show))
        .route("/v1/autoscale", get(autoscale))
        .with_state(store)
}

/// `GET /metrics`
async fn show(State(store): State<Arc<dyn Store>>) -> Response {
    let text = metrics::render(Some(store.as_ref())).await;
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response()
}

/// How much there is to do, in numbers that a scaler compares with a target.
#[derive(Serialize)]
struct Load {
    /// Jobs that are available.
    waiting: u64,
    /// Jobs that run.
    running: u64,
    /// How long the oldest available job waits.
    oldest_seconds: f64,
}

/// `GET /v1/autoscale`
async fn autoscale(
    State(store): State<Arc<dyn Store>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let mut query = Query::new(query.as_deref());
    let queue = query.one("queue", |name| QueueName::new(name.to_owned()));
    query.finish()?;
    let now = store.now().await?;
    let mut load = Load {
        waiting: 0,
        running: 0,
        oldest_seconds: 0.0,
    };
    let asked = |name: &QueueName| queue.as_ref().is_none_or(|queue| queue == name);
    for record in store.queues().await? {
        // Nobody claims from a queue that is paused, however many workers there are.
        if !asked(&record.name) || record.paused_at.is_some() {
            continue;
        }
        load.waiting += record.count(JobState::Available);
        load.running += record.count(JobState::Running);
        let oldest = record
            .oldest_available_at
            .map(|at| now.since(at).as_secs_f64());
        load.oldest_seconds = load.oldest_seconds.max(oldest.unwrap_or(0.0));
    }
    Ok(Json(load).into_response())
}
