//! Destinations: how full their buffers are, and switching one on again.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use shared::{
    clock::Timestamp,
    job::name::Label,
    store::{DestinationRecord, Note},
};

use super::List;
use crate::{
    extract::Segment,
    problem::{Problem, catalog},
    state::AppState,
};

/// A destination.
#[derive(Serialize)]
struct Destination {
    name: Label,
    /// How many entries wait in its buffer.
    waiting: u64,
    oldest_at: Option<Timestamp>,
    /// Since when nothing is sent to it, and why.
    disabled: Option<Since>,
    succeeded_at: Option<Timestamp>,
    /// When it last failed, and how.
    failed: Option<Since>,
}

/// When something happened, and what.
#[derive(Serialize)]
struct Since {
    at: Timestamp,
    reason: String,
}

impl Destination {
    fn of(record: DestinationRecord) -> Self {
        let since = |(at, reason)| Since { at, reason };
        Self {
            name: record.name,
            waiting: record.waiting,
            oldest_at: record.oldest_at,
            disabled: record.disabled.map(since),
            succeeded_at: record.succeeded_at,
            failed: record.failed.map(since),
        }
    }
}

/// `GET /v1/destinations`
pub(super) async fn list(State(app): State<AppState>) -> Result<Response, Problem> {
    let destinations = app.store.destinations().await?;
    Ok(Json(List::all(destinations.into_iter().map(Destination::of))).into_response())
}

/// `POST /v1/destinations/{name}/enable`
pub(super) async fn enable(
    State(app): State<AppState>,
    Segment(name): Segment,
) -> Result<Response, Problem> {
    // A note makes a destination known, so a name that nobody uses must not get that far.
    let known = find(&app, &name).await?;
    app.store.note(known.name, Note::Enable).await?;
    Ok(Json(Destination::of(find(&app, &name).await?)).into_response())
}

async fn find(app: &AppState, name: &str) -> Result<DestinationRecord, Problem> {
    let mut all = app.store.destinations().await?.into_iter();
    all.find(|known| known.name.as_str() == name)
        .ok_or_else(|| Problem::not_found(&catalog::DESTINATION_NOT_FOUND, "destination", name))
}
