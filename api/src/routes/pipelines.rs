//! Pipelines: what they are made of, how their last runs went, and running one now.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use shared::{
    clock::Timestamp,
    job::{Args, JobDetail, JobId, JobSummary, Kind, NewJob, State as JobState, name::Label},
    schedule::definition::PIPELINE_KIND,
    store::{Enqueued, Filter, ListParams},
};
use std::collections::BTreeSet;

use super::{
    List,
    jobs::{Detail, Summary, view::Content},
};
use crate::{
    extract::{NoBody, Segment},
    layers::caller,
    live::{Live, Pipeline, tag},
    problem::{Problem, catalog},
    state::AppState,
};

/// How many of its runs a pipeline is shown with.
const RUNS: usize = 10;

/// A pipeline in a list.
#[derive(Serialize)]
struct PipelineSummary<'a> {
    name: &'a Label,
    sources: &'a [Label],
    destinations: &'a [Label],
    last_run: Option<Summary<'a>>,
}

/// Everything about one pipeline.
#[derive(Serialize)]
struct PipelineDetail<'a> {
    name: &'a Label,
    sources: &'a [Label],
    destinations: &'a [Label],
    /// Its last runs, newest first.
    runs: Vec<Summary<'a>>,
    /// What its last completed run returned.
    last_result: Option<LastResult<'a>>,
}

/// What a run returned.
#[derive(Serialize)]
struct LastResult<'a> {
    job: JobId,
    ended_at: Option<Timestamp>,
    result: Option<Content<'a>>,
}

impl<'a> LastResult<'a> {
    fn of(job: &'a JobDetail) -> Self {
        Self {
            job: job.summary.id,
            ended_at: job.summary.ended_at,
            result: job.result.as_ref().map(Content::json),
        }
    }
}

/// `GET /v1/pipelines`
pub(super) async fn list(State(app): State<AppState>) -> Result<Response, Problem> {
    let live = app.live();
    let all = &live.pipelines;
    let mut last = Vec::with_capacity(all.len());
    for name in all.keys() {
        last.push(runs(&app, name, None, 1).await?);
    }
    let both = all.iter().zip(&last);
    let items = both.map(|((name, pipeline), last)| PipelineSummary {
        name,
        sources: &pipeline.sources,
        destinations: &pipeline.destinations,
        last_run: last.first().map(Summary::of),
    });
    Ok(Json(List::all(items)).into_response())
}

/// `GET /v1/pipelines/{name}`
pub(super) async fn read(
    State(app): State<AppState>,
    Segment(name): Segment,
) -> Result<Response, Problem> {
    let live = app.live();
    let (name, pipeline) = find(&live, &name)?;
    let last = runs(&app, name, None, RUNS).await?;
    let completed = runs(&app, name, Some(JobState::Completed), 1).await?;
    let completed = completed.iter().map(|job| job.id).collect::<Vec<JobId>>();
    let result = app.store.get(completed).await?.pop().flatten();
    Ok(Json(PipelineDetail {
        name,
        sources: &pipeline.sources,
        destinations: &pipeline.destinations,
        runs: last.iter().map(Summary::of).collect(),
        last_result: result.as_ref().map(LastResult::of),
    })
    .into_response())
}

/// `POST /v1/pipelines/{name}/run`
pub(super) async fn run(
    State(app): State<AppState>,
    Segment(name): Segment,
    headers: HeaderMap,
    _: NoBody,
) -> Result<Response, Problem> {
    let live = app.live();
    let (name, _) = find(&live, &name)?;
    let args = Args::json(&serde_json::json!({ "pipeline": name }))?;
    let mut job = NewJob::with(kind(), args)
        .max_attempts(live.max_attempts)
        .tag(tag(name)?);
    job.trace = caller(&headers);
    let id = job.id;
    match app.store.enqueue(vec![job]).await?.pop() {
        Some(Enqueued::New(_)) => {}
        other => {
            let cause = format!("a fresh job without a unique key was not accepted: {other:?}");
            return Err(Problem::internal(cause));
        }
    }
    let job = app.store.get(vec![id]).await?.pop().flatten();
    let location = [(header::LOCATION, format!("/v1/jobs/{id}"))];
    let body = Json(job.as_ref().map(|job| Detail::of(job, &live)));
    Ok((StatusCode::ACCEPTED, location, body).into_response())
}

fn find<'l>(live: &'l Live, name: &str) -> Result<(&'l Label, &'l Pipeline), Problem> {
    let found = live.pipelines.get_key_value(name);
    found.ok_or_else(|| Problem::not_found(&catalog::PIPELINE_NOT_FOUND, "pipeline", name))
}

/// The kind of the jobs that run a pipeline.
fn kind() -> Kind {
    Kind::new(PIPELINE_KIND).expect("the word is within the grammar of kinds")
}

/// The newest runs of a pipeline, perhaps only those in one state.
async fn runs(
    app: &AppState,
    name: &Label,
    state: Option<JobState>,
    limit: usize,
) -> Result<Vec<JobSummary>, Problem> {
    let filter = Filter {
        states: state.into_iter().collect(),
        kinds: BTreeSet::from([kind()]),
        tag: Some(tag(name)?),
        ..Filter::default()
    };
    let page = app.store.list(ListParams {
        filter,
        cursor: None,
        limit,
    });
    Ok(page.await?.items)
}
