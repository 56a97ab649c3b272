//! How jobs are looked at: by id, or in pages through a filter.

use redis::{Cmd, Value};

use super::{RedisStore, body, reply, row::Row};
use crate::{
    job::{AttemptError, JobDetail, JobId, JobSummary, State, attempt::Failure},
    page::{Cursor, LOOK_BUDGET, MAX_LIMIT, Page},
    store::{Error, Filter, ListParams, Result},
};

/// Most jobs that one step looks at, and most that it tells.
const LOOKS: usize = 1000;
const TELLS: usize = 128;

/// Most jobs of one step that tells all about them.
const DETAILS: usize = 64;

/// Numbers of jobs stay far below.
const NEWEST: u64 = 1 << 48;

/// See [`crate::store::JobStore::get`].
pub(super) async fn get(store: &RedisStore, ids: &[JobId]) -> Result<Vec<Option<JobDetail>>> {
    let mut found = Vec::with_capacity(ids.len());
    for step in ids.chunks(DETAILS) {
        let mut call = store.server.function("get");
        for id in step {
            call.arg(&id.as_bytes()[..]);
        }
        for job in reply::list(store.server.read(call).await?)? {
            found.push(read_detail(job)?);
        }
    }
    Ok(found)
}

fn read_detail(job: Value) -> Result<Option<JobDetail>> {
    let mut values = reply::Values::of(job)?;
    if values.is_empty() {
        return Ok(None);
    }
    let row = reply::bytes(values.next()?)?;
    let row = Row::read(&row)?;
    let mut body = body::read(reply::bytes(values.next()?)?)?;
    let errors = reply::list(values.next()?)?.into_iter().map(read_error);
    let errors: Vec<AttemptError> = errors.collect::<Result<_>>()?;
    let (of, replayed_as) = (values.next()?, values.next()?);
    let large = reply::some(values.next()?)?;
    let (timeout, backoff) = (body.timeout, body.backoff);
    let (unique, trace) = (body.unique.take(), body.trace.take());
    let args = match (body.args.take(), large) {
        (Some(args), _) => args,
        (None, Some(large)) => body::read_args(&large)?,
        (None, None) => return Err(Error::corrupt("a job without its args")),
    };
    let (progress, result) = (reply::some(values.next()?)?, reply::some(values.next()?)?);
    let cancel = reply::some(values.next()?)?;
    let cancel_requested = match cancel {
        Some(cancel) => {
            let (at, reason) = reply::split_instant(&cancel)?;
            Some((at, reply::as_text(&reason)?))
        }
        None => None,
    };
    let summary = summarise(row, body, errors.last().cloned(), [of, replayed_as])?;
    let worker = (summary.state == State::Running).then(|| row.worker());
    Ok(Some(JobDetail {
        summary,
        args,
        timeout,
        backoff,
        unique,
        trace,
        errors,
        progress,
        result,
        worker,
        cancel_requested,
    }))
}

fn summarise(
    row: Row<'_>,
    body: body::Body,
    last_error: Option<AttemptError>,
    [of, replayed_as]: [Value; 2],
) -> Result<JobSummary> {
    let state = row.state()?;
    let ended = state.is_terminal();
    let other = |value: Value| -> Result<Option<JobId>> {
        reply::some(value)?
            .map(|id| reply::read_id(&id))
            .transpose()
    };
    Ok(JobSummary {
        id: row.id()?,
        kind: body.kind,
        queue: body.queue,
        priority: row.priority()?,
        state,
        attempt: row.attempt(),
        max_attempts: body.max_attempts,
        crashes: row.crashes(),
        tags: body.tags,
        accepted_at: row.accepted_at(),
        due_at: (!ended).then(|| row.at()),
        claimed_at: if ended || state == State::Running {
            row.claimed_at()
        } else {
            None
        },
        ended_at: ended.then(|| row.at()),
        last_error,
        replay_of: other(of)?,
        replayed_as: other(replayed_as)?,
    })
}

/// Attempt 4, when 7, worker 4, failure.
fn read_error(value: Value) -> Result<AttemptError> {
    let text = reply::bytes(value)?;
    if text.len() < 15 {
        return Err(Error::corrupt("an error that ends too early"));
    }
    let (at, _) = reply::split_instant(&text.slice(4..))?;
    let failure: Failure = serde_json::from_slice(&text[15..])
        .map_err(|error| Error::corrupt(format!("an error that cannot be read: {error}")))?;
    Ok(AttemptError {
        attempt: u32::try_from(reply::big_endian(&text[..4])).unwrap_or(u32::MAX),
        at,
        worker: reply::big_endian(&text[11..15]),
        failure,
    })
}

/// See [`crate::store::JobStore::list`].
pub(super) async fn list(store: &RedisStore, params: &ListParams) -> Result<Page<JobSummary>> {
    let fingerprint = params.filter.fingerprint();
    let mut below = match &params.cursor {
        Some(cursor) => number_of(cursor.key_for(fingerprint)?),
        None => NEWEST,
    };
    let limit = params.limit.clamp(1, MAX_LIMIT);
    let mut items = Vec::new();
    let mut more = true;
    for _ in 0..=(LOOK_BUDGET / LOOKS + limit / TELLS) {
        let mut call = store.server.function("list");
        call.arg(below)
            .arg(LOOKS)
            .arg((limit - items.len()).min(TELLS));
        add_filter(&mut call, &params.filter);
        let mut values = reply::Values::of(store.server.read(call).await?)?;
        below = reply::count(values.next()?)?;
        more = reply::count(values.next()?)? == 1;
        for job in values.rest() {
            items.push(read_summary(job)?);
        }
        if !more || items.len() >= limit {
            break;
        }
    }
    let key = u128::from(below).to_be_bytes();
    let next = more.then_some(Cursor {
        key,
        filter: fingerprint,
    });
    Ok(Page { items, next })
}

/// The number that the key of a cursor stands for.
fn number_of(key: [u8; 16]) -> u64 {
    u64::try_from(u128::from_be_bytes(key)).map_or(NEWEST, |number| number.min(NEWEST))
}

fn add_filter(call: &mut Cmd, filter: &Filter) {
    let states: Vec<u8> = filter.states.iter().map(|state| *state as u8).collect();
    call.arg(states)
        .arg(if filter.open_dead_letters { "1" } else { "" });
    for instant in [filter.accepted_from, filter.accepted_before] {
        match instant {
            Some(at) => call.arg(at.as_micros()),
            None => call.arg(""),
        };
    }
    call.arg(filter.tag.as_ref().map_or("", |tag| tag.as_str()));
    call.arg(filter.queues.len());
    for queue in &filter.queues {
        call.arg(queue.as_str());
    }
    call.arg(filter.kinds.len());
    for kind in &filter.kinds {
        call.arg(kind.as_str());
    }
}

fn read_summary(job: Value) -> Result<JobSummary> {
    let mut values = reply::Values::of(job)?;
    let row = reply::bytes(values.next()?)?;
    let body = body::read(reply::bytes(values.next()?)?)?;
    let error = reply::list(values.next()?)?
        .into_iter()
        .next_back()
        .map(read_error);
    let others = [values.next()?, values.next()?];
    summarise(Row::read(&row)?, body, error.transpose()?, others)
}
