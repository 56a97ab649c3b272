//! Destinations: how full their buffers are, publishing to one, and switching one on again.

mod publication;
mod publish;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use shared::{
    clock::Timestamp,
    config::destinations::Takes,
    job::name::Label,
    store::{DestinationRecord, Note},
};
use std::collections::BTreeMap;

pub(super) use publish::{publish, receipts};

use super::List;
use crate::{
    Live,
    extract::{NoBody, Segment},
    problem::{Problem, catalog},
    state::AppState,
};

/// A destination.
#[derive(Serialize)]
struct Destination {
    name: Label,
    /// `points`, or `events`: then points go to it as events. Null when it is not configured.
    takes: Option<Takes>,
    /// How many entries may wait in its buffer. Null when it is not configured.
    capacity: Option<u64>,
    /// How many do.
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
    fn of(record: DestinationRecord, live: &Live) -> Self {
        let since = |(at, reason)| Since { at, reason };
        let configured = live.destinations.get(&record.name);
        Self {
            takes: configured.map(|destination| destination.takes),
            capacity: configured.map(|destination| destination.buffer.capacity),
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
    let live = app.live();
    let all = all(&app, &live).await?;
    let items = all.into_iter().map(|record| Destination::of(record, &live));
    Ok(Json(List::all(items)).into_response())
}

/// `POST /v1/destinations/{name}/enable`
pub(super) async fn enable(
    State(app): State<AppState>,
    Segment(name): Segment,
    _: NoBody,
) -> Result<Response, Problem> {
    // A note makes a destination known, so a name that nobody uses must not get that far.
    let live = app.live();
    let known = find(&app, &live, &name).await?;
    app.store.note(known.name, Note::Enable).await?;
    let enabled = find(&app, &live, &name).await?;
    Ok(Json(Destination::of(enabled, &live)).into_response())
}

/// Every destination that is configured or was ever used, by name.
async fn all(app: &AppState, live: &Live) -> Result<Vec<DestinationRecord>, Problem> {
    let unused = live.destinations.keys().map(|name| DestinationRecord {
        name: name.clone(),
        waiting: 0,
        oldest_at: None,
        disabled: None,
        succeeded_at: None,
        failed: None,
    });
    let mut all: BTreeMap<Label, DestinationRecord> =
        unused.map(|record| (record.name.clone(), record)).collect();
    let used = app.store.destinations().await?;
    all.extend(used.into_iter().map(|record| (record.name.clone(), record)));
    Ok(all.into_values().collect())
}

async fn find(app: &AppState, live: &Live, name: &str) -> Result<DestinationRecord, Problem> {
    let mut all = all(app, live).await?.into_iter();
    all.find(|known| known.name.as_str() == name)
        .ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> Problem {
    Problem::not_found(&catalog::DESTINATION_NOT_FOUND, "destination", name)
}
