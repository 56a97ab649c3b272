//! `POST /v1/dead-letters/replay`

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::{
    job::{Args, JobId, JobSummary, State as JobState, TraceContext},
    page::MAX_LIMIT,
    store::{Filter, ListParams, Replay, Replayed},
};
use std::collections::HashSet;

use super::dead;
use crate::{
    extract::{
        Payload,
        shapes::{self, AtMost, Object, Text},
    },
    layers::caller,
    problem::{Faults, Place, Problem},
    routes::{filter::FilterBody, jobs::check_args},
    state::AppState,
};

/// Most dead letters that one request replays.
const MOST: usize = 10_000;

/// How many a filter replays unless it says otherwise.
const DEFAULT: usize = 100;

/// The body: either `ids` or a `filter`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ReplayRequest<'a> {
    /// These.
    #[serde(borrow)]
    ids: Option<AtMost<Text<'a>, MOST>>,
    /// Those open ones that fit, the newest first.
    #[serde(borrow)]
    filter: Option<Object<FilterBody<'a>>>,
    /// How many of those that fit; 100 by default.
    limit: Option<u64>,
    /// Other args, for one id.
    #[serde(borrow, deserialize_with = "shapes::raw")]
    args: Option<&'a RawValue>,
    /// Only say what would become of them.
    dry_run: Option<bool>,
}

/// What is asked for, checked.
enum Request {
    These(Vec<JobId>, Option<Args>),
    Those(Box<Filter>, usize),
}

/// What became of them.
#[derive(Serialize)]
struct ReplayReport {
    dry_run: bool,
    /// How many new runs there are, or would be.
    replayed: usize,
    /// Whether the limit left some that fit.
    more: bool,
    items: Vec<Judged>,
}

/// What became of one of them.
#[derive(Serialize)]
struct Judged {
    /// The dead letter.
    id: JobId,
    /// `new`, `already` (replayed before), `duplicate` (another job holds its unique key),
    /// `not_dead`, `unknown`; in a dry run `would` instead of `new`.
    verdict: &'static str,
    /// The new run.
    replayed_as: Option<JobId>,
    /// The job that holds the unique key.
    holder: Option<JobId>,
    /// The state of what is no dead letter.
    state: Option<JobState>,
}

impl Judged {
    fn bare(id: JobId, verdict: &'static str) -> Self {
        Self {
            id,
            verdict,
            replayed_as: None,
            holder: None,
            state: None,
        }
    }

    fn of(replay: &Replay, replayed: Replayed) -> Self {
        let id = replay.dead;
        match replayed {
            Replayed::New | Replayed::Repeated => Self {
                replayed_as: Some(replay.new),
                ..Self::bare(id, "new")
            },
            Replayed::Already(run) => Self::already(id, run),
            Replayed::Duplicate { holder } => Self {
                holder: Some(holder),
                ..Self::bare(id, "duplicate")
            },
            Replayed::NotDead(state) => Self::not_dead(id, state),
            Replayed::Unknown => Self::bare(id, "unknown"),
        }
    }

    fn already(id: JobId, run: JobId) -> Self {
        Self {
            replayed_as: Some(run),
            ..Self::bare(id, "already")
        }
    }

    fn not_dead(id: JobId, state: JobState) -> Self {
        Self {
            state: Some(state),
            ..Self::bare(id, "not_dead")
        }
    }

    /// What a replay would say, but for unique keys, which only the replay itself looks at.
    fn foretell(id: JobId, job: Option<&JobSummary>) -> Self {
        match job {
            None => Self::bare(id, "unknown"),
            Some(job) if job.state != JobState::Discarded => Self::not_dead(id, job.state),
            Some(job) => job
                .replayed_as
                .map_or_else(|| Self::bare(id, "would"), |run| Self::already(id, run)),
        }
    }
}

/// `POST /v1/dead-letters/replay`
pub(in crate::routes) async fn replay(
    State(app): State<AppState>,
    headers: HeaderMap,
    payload: Payload,
) -> Result<Response, Problem> {
    let trace = caller(&headers);
    let Object(body) = payload.read::<Object<ReplayRequest<'_>>>()?;
    let dry_run = body.dry_run.unwrap_or(false);
    let (ids, args, more) = match check(&body)? {
        Request::These(ids, args) => (ids, args, false),
        Request::Those(filter, limit) => {
            let (ids, more) = find(&app, *filter, limit).await?;
            (ids, None, more)
        }
    };
    let mut items = Vec::with_capacity(ids.len());
    // A few at a time: the store serves others between, and what is done stays done.
    for some in ids.chunks(MAX_LIMIT) {
        if dry_run {
            let jobs = app.store.get(some.to_vec()).await?;
            let both = some.iter().zip(&jobs);
            items.extend(
                both.map(|(id, job)| Judged::foretell(*id, job.as_ref().map(|job| &job.summary))),
            );
        } else {
            let run = |id: &JobId| new_run(*id, args.as_ref(), trace.as_ref());
            let replays: Vec<Replay> = some.iter().map(run).collect();
            let replayed = app.store.replay(replays.clone()).await?;
            let both = replays.iter().zip(replayed);
            items.extend(both.map(|(replay, replayed)| Judged::of(replay, replayed)));
        }
    }
    let counts = |item: &&Judged| matches!(item.verdict, "new" | "would");
    Ok(Json(ReplayReport {
        dry_run,
        replayed: items.iter().filter(counts).count(),
        more,
        items,
    })
    .into_response())
}

fn new_run(dead: JobId, args: Option<&Args>, trace: Option<&TraceContext>) -> Replay {
    Replay {
        dead,
        new: JobId::generate(),
        args: args.cloned(),
        trace: trace.cloned(),
    }
}

/// The open dead letters that fit, and whether the limit left some.
async fn find(app: &AppState, filter: Filter, limit: usize) -> Result<(Vec<JobId>, bool), Problem> {
    let mut ids = Vec::new();
    let mut params = ListParams {
        filter,
        cursor: None,
        limit: MAX_LIMIT,
    };
    loop {
        params.limit = (limit - ids.len()).min(MAX_LIMIT);
        let page = app.store.list(params.clone()).await?;
        ids.extend(page.items.iter().map(|job| job.id));
        params.cursor = page.next;
        if params.cursor.is_none() || ids.len() >= limit {
            return Ok((ids, params.cursor.is_some()));
        }
    }
}

/// Checks the body as a whole.
fn check(body: &ReplayRequest<'_>) -> Result<Request, Problem> {
    let at = |field: &str| Place::body().member(field);
    let mut faults = Faults::default();
    let args = body.args.map(check_args);
    let args = args.and_then(|args| faults.keep(&Place::body(), args));
    let request = match (&body.ids, &body.filter) {
        (Some(AtMost(ids)), None) => {
            if body.limit.is_some() {
                faults.add(at("limit"), "goes with `filter` only");
            }
            if body.args.is_some() && ids.len() != 1 {
                faults.add(at("args"), "go with exactly one id");
            }
            Some(Request::These(job_ids(ids, &mut faults), args))
        }
        (None, Some(Object(filter))) => {
            if body.args.is_some() {
                faults.add(at("args"), "go with `ids` only");
            }
            let limit = limit(body.limit, &mut faults);
            match filter.read(at("filter")) {
                Ok(mut filter) => {
                    dead(&mut filter);
                    filter.open_dead_letters = true;
                    Some(Request::Those(Box::new(filter), limit))
                }
                Err(wrong) => {
                    faults.join(wrong);
                    None
                }
            }
        }
        (None, None) | (Some(_), Some(_)) => {
            faults.add(Place::body(), "needs either `ids` or `filter`");
            None
        }
    };
    match request {
        Some(request) if faults.is_empty() => Ok(request),
        _ => Err(Problem::validation(faults)),
    }
}

fn job_ids(texts: &[Text<'_>], faults: &mut Faults) -> Vec<JobId> {
    let mut seen = HashSet::new();
    let mut ids = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        match text.parse::<JobId>() {
            Ok(id) if seen.insert(id) => ids.push(id),
            // Asked for twice is asked for.
            Ok(_) => {}
            Err(invalid) => {
                let place = Place::body().member("ids").member(&index.to_string());
                faults.add(place, invalid.why);
            }
        }
    }
    ids
}

fn limit(limit: Option<u64>, faults: &mut Faults) -> usize {
    match limit.map(usize::try_from) {
        None => DEFAULT,
        Some(Ok(limit @ 1..=MOST)) => limit,
        Some(_) => {
            let why = format!("is not between 1 and {MOST}");
            faults.add(Place::body().member("limit"), why);
            DEFAULT
        }
    }
}
