//! Schedules: what recurs, what became of the last ticks, pause and resume.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::value::RawValue;
use shared::{
    clock::Timestamp,
    job::{JobId, name::Label},
    schedule::Definition,
    store::{ScheduleRecord, Tick, TickStatus},
};

use super::List;
use crate::{
    extract::{NoBody, Segment},
    problem::{Problem, catalog},
    state::AppState,
};

/// How many of its ticks a schedule is shown with.
const TICKS: usize = 5;

/// A schedule.
#[derive(Serialize)]
struct Schedule<'a> {
    name: &'a Label,
    /// Its definition, as the scheduler keeps it.
    definition: DefinitionView<'a>,
    paused: bool,
    paused_at: Option<Timestamp>,
    /// When it fires next; null while it is paused, or when it never does.
    next_at: Option<Timestamp>,
    /// Ticks up to here were judged.
    cursor: Timestamp,
    updated_at: Timestamp,
    /// The newest ones, newest first.
    ticks: Vec<TickView<'a>>,
}

/// A definition: an object as a rule, else the text that is kept.
#[derive(Serialize)]
#[serde(untagged)]
enum DefinitionView<'a> {
    Json(&'a RawValue),
    Text(&'a str),
}

/// What became of a tick.
#[derive(Serialize)]
struct TickView<'a> {
    at: Timestamp,
    /// `fired`, `held` or `skipped`.
    status: &'static str,
    /// The job of one that fired.
    job: Option<JobId>,
    /// Why it was skipped.
    reason: Option<&'a str>,
    recorded_at: Timestamp,
}

impl<'a> Schedule<'a> {
    fn of(record: &'a ScheduleRecord, ticks: &'a [Tick], now: Timestamp) -> Self {
        let definition = &record.definition;
        let fires = |definition: Definition| definition.timing.when.next(now.max(record.cursor));
        let next_at = Definition::read(record).ok().and_then(fires);
        Self {
            name: &record.name,
            definition: serde_json::from_str(definition)
                .map_or(DefinitionView::Text(definition), DefinitionView::Json),
            paused: record.paused_at.is_some(),
            paused_at: record.paused_at,
            next_at: next_at.filter(|_| record.paused_at.is_none()),
            cursor: record.cursor,
            updated_at: record.updated_at,
            ticks: ticks.iter().map(TickView::of).collect(),
        }
    }
}

impl<'a> TickView<'a> {
    fn of(tick: &'a Tick) -> Self {
        let (status, job, reason) = match &tick.status {
            TickStatus::Fired(job) => ("fired", Some(*job), None),
            TickStatus::Held => ("held", None, None),
            TickStatus::Skipped(reason) => ("skipped", None, Some(reason.as_str())),
        };
        Self {
            at: tick.at,
            status,
            job,
            reason,
            recorded_at: tick.recorded_at,
        }
    }
}

/// `GET /v1/schedules`
pub(super) async fn list(State(app): State<AppState>) -> Result<Response, Problem> {
    let records = app.store.schedules().await?;
    let mut ticks = Vec::with_capacity(records.len());
    for record in &records {
        ticks.push(app.store.ticks(record.name.clone(), TICKS).await?);
    }
    let now = app.store.now().await?;
    let both = records.iter().zip(&ticks);
    let items = both.map(|(record, ticks)| Schedule::of(record, ticks, now));
    Ok(Json(List::all(items)).into_response())
}

/// `POST /v1/schedules/{name}/pause`
pub(super) async fn pause(
    State(app): State<AppState>,
    Segment(name): Segment,
    _: NoBody,
) -> Result<Response, Problem> {
    set_paused(&app, &name, true).await
}

/// `POST /v1/schedules/{name}/resume`
pub(super) async fn resume(
    State(app): State<AppState>,
    Segment(name): Segment,
    _: NoBody,
) -> Result<Response, Problem> {
    set_paused(&app, &name, false).await
}

async fn set_paused(app: &AppState, name: &str, paused: bool) -> Result<Response, Problem> {
    let unknown = || Problem::not_found(&catalog::SCHEDULE_NOT_FOUND, "schedule", name);
    let label = Label::new(name).map_err(|_| unknown())?;
    app.store.set_schedule_paused(label.clone(), paused).await?;
    let records = app.store.schedules().await?;
    let record = records.iter().find(|record| record.name == label);
    let record = record.ok_or_else(unknown)?;
    let ticks = app.store.ticks(label, TICKS).await?;
    let now = app.store.now().await?;
    Ok(Json(Schedule::of(record, &ticks, now)).into_response())
}
