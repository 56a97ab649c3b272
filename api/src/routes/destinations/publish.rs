//! `POST /v1/destinations/{name}/publish`, and what became of what was published.
//!
//! What is published goes straight into the destination's buffer, not into a job of kind
//! `publish`: whether there is room is decided by the store in the step that adds the entries. A
//! job would be accepted whatever waits, and learn later that the buffer is full; while no worker
//! runs, the queue would grow in its stead, and nobody be told.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use shared::{
    buffer::{self, Added},
    job::{JobId, name::Label},
    store::{self, Fate, Receipt},
    telemetry::fields,
};
use std::{collections::BTreeSet, time::Duration};

use super::{
    publication::{Publication, Reader, origin},
    unknown,
};
use crate::{
    extract::{Payload, Segment},
    layers::caller,
    problem::{Problem, catalog},
    state::AppState,
};

/// The longest that a caller is told to stay away from a full buffer.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// Most reasons that are told of what was refused; the rest says much the same.
const REASONS: usize = 50;

/// What was published, and where it stands.
#[derive(Serialize)]
struct Published<'a> {
    /// The caller's id, or a new one. Said again, it adds nothing.
    id: JobId,
    destination: &'a Label,
    /// How many entries the points or events make.
    entries: u64,
    /// How many entries wait now.
    waiting: u64,
    /// The job that delivers them; null when nothing waits, or a worker has yet to ask for it.
    flush: Option<JobId>,
}

/// What became of what was published.
#[derive(Serialize)]
struct Receipts<'a> {
    id: JobId,
    destination: &'a Label,
    waiting: usize,
    delivered: usize,
    refused: usize,
    /// Why entries were refused, each reason once, at most [`REASONS`].
    reasons: BTreeSet<&'a str>,
}

impl<'a> Receipts<'a> {
    fn of(id: JobId, destination: &'a Label, receipts: &'a [Receipt]) -> Self {
        let mut of = Self {
            id,
            destination,
            waiting: 0,
            delivered: 0,
            refused: 0,
            reasons: BTreeSet::new(),
        };
        for receipt in receipts {
            match &receipt.fate {
                None => of.waiting += 1,
                Some(Fate::Delivered) => of.delivered += 1,
                Some(Fate::Refused(reason)) => {
                    of.refused += 1;
                    if of.reasons.len() < REASONS {
                        of.reasons.insert(reason);
                    }
                }
            }
        }
        of
    }
}

/// `POST /v1/destinations/{name}/publish`
pub(in crate::routes) async fn publish(
    State(app): State<AppState>,
    Segment(name): Segment,
    headers: HeaderMap,
    payload: Payload,
) -> Result<Response, Problem> {
    let live = app.live();
    let found = live.destinations.get_key_value(name.as_str());
    let (name, destination) = found.ok_or_else(|| unknown(&name))?;
    let reader = Reader {
        destination: name.clone(),
        takes: destination.takes,
        capacity: destination.buffer.capacity,
        now: app.store.now().await?,
    };
    let Publication { id, entries } = payload.read_with(reader).await?.finish()?;
    let (store, added) = (app.store.as_ref(), entries.len() as u64);
    let waiting = buffer::append(store, name, &destination.buffer, entries).await;
    let waiting = waiting.map_err(|error| refused(error, destination.buffer.flush_interval))?;
    let (both, trace) = (Added { added, waiting }, caller(&headers));
    let flush = buffer::see_to(store, name, &destination.buffer, both, trace.as_ref()).await;
    let flush = flush.unwrap_or_else(|error| {
        // The entries are kept, and every worker looks after the buffers.
        tracing::warn!(
            { fields::DESTINATION } = name.as_str(),
            { fields::ERROR } = %error,
            "the flush of {name} is left to the workers"
        );
        None
    });
    let location = [(
        header::LOCATION,
        format!("/v1/destinations/{name}/receipts/{id}"),
    )];
    let body = Published {
        id,
        destination: name,
        entries: added,
        waiting,
        flush,
    };
    Ok((StatusCode::ACCEPTED, location, Json(body)).into_response())
}

/// A full buffer has no more room before its next flush.
fn refused(error: store::Error, flush_interval: Duration) -> Problem {
    let is_full = matches!(error, store::Error::Full { .. });
    let problem = Problem::from(error);
    if !is_full {
        return problem;
    }
    let wait = flush_interval.clamp(Duration::from_secs(1), LONGEST_WAIT);
    problem.retry_after(u32::try_from(wait.as_secs()).unwrap_or(u32::MAX))
}

/// `GET /v1/destinations/{name}/receipts/{id}`
pub(in crate::routes) async fn receipts(
    State(app): State<AppState>,
    Segment((name, id)): Segment<(String, String)>,
) -> Result<Response, Problem> {
    let none = || Problem::not_found(&catalog::RECEIPTS_NOT_FOUND, "receipts under", &id);
    let name = Label::new(name).map_err(|_| none())?;
    let id: JobId = id.parse().map_err(|_| none())?;
    let receipts = app.store.receipts(origin(id, &name)).await?;
    if receipts.is_empty() {
        return Err(none());
    }
    Ok(Json(Receipts::of(id, &name, &receipts)).into_response())
}
