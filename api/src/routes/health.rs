//! Whether the process lives, and whether it can do its work.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use shared::{clock::Timestamp, store::Capabilities};
use std::time::Duration;

use crate::{
    problem::{Problem, catalog},
    state::AppState,
};

/// How long the store may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(2);

/// The process answers.
#[derive(Serialize)]
struct Alive {
    status: &'static str,
}

/// The process can do its work.
#[derive(Serialize)]
struct Ready {
    status: &'static str,
    store: Capabilities,
    /// The store's clock.
    now: Timestamp,
}

/// `GET /healthz`: asks nobody else.
pub(super) async fn alive() -> Response {
    Json(Alive { status: "alive" }).into_response()
}

/// `GET /readyz`: the store answers, and the process is not stopping.
pub(super) async fn ready(State(app): State<AppState>) -> Result<Response, Problem> {
    if app.shutdown.is_draining() {
        return Err(Problem::new(&catalog::STOPPING));
    }
    let now = tokio::time::timeout(PATIENCE, app.store.now())
        .await
        .map_err(|late| Problem::new(&catalog::STORE_UNAVAILABLE).caused_by(late))??;
    let store = app.store.capabilities();
    let status = "ready";
    Ok(Json(Ready { status, store, now }).into_response())
}
