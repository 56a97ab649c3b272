//! Workers: who lives, and what they do.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use shared::{
    clock::Timestamp,
    lease::{WorkerId, WorkerInfo, WorkerRecord},
};

use super::List;
use crate::{problem::Problem, state::AppState};

/// A worker.
#[derive(Serialize)]
struct Worker {
    id: WorkerId,
    #[serde(flatten)]
    info: WorkerInfo,
    /// How many jobs it holds.
    running: u64,
    started_at: Timestamp,
    beat_at: Timestamp,
    expires_at: Timestamp,
}

impl Worker {
    fn of(record: WorkerRecord) -> Self {
        Self {
            id: record.id,
            info: record.info,
            running: record.running,
            started_at: record.started_at,
            beat_at: record.beat_at,
            expires_at: record.expires_at,
        }
    }
}

/// `GET /v1/workers`
pub(super) async fn list(State(app): State<AppState>) -> Result<Response, Problem> {
    let workers = app.store.workers().await?;
    Ok(Json(List::all(workers.into_iter().map(Worker::of))).into_response())
}
