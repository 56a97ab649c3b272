//! Handing out jobs.
//!
//! A claim reads the start of each queue's part of `ready`, with the bodies; then one statement
//! leases everything up to the last row that was read, and one removes it. Nobody writes in
//! between, so these are the same rows, and the cost of a row is its reading.

use rusqlite::Row;

use super::{
    flags,
    row::{bytes, integer, length},
    writer::Turn,
};
use crate::{
    backoff::Backoff,
    clock::Timestamp,
    job::{Args, ClaimedJob, QueueName, State, TraceContext},
    lease::LeaseToken,
    store::{ClaimParams, Error, Result, Want},
};

const WORKER_CLAIMS: &str = include_str!("sql/worker_claims.sql");
const WORKER_CLAIMED: &str = include_str!("sql/worker_claimed.sql");
const QUEUE_OPEN: &str = include_str!("sql/queue_open.sql");
const READY_ANY: &str = include_str!("sql/ready_any.sql");
const CLAIM_READ: &str = include_str!("sql/claim_read.sql");
const CLAIM_LEASE: &str = include_str!("sql/claim_lease.sql");
const CLAIM_UNREADY: &str = include_str!("sql/claim_unready.sql");
const CLAIM_REPEAT: &str = include_str!("sql/claim_repeat.sql");
const PROGRESS_GET: &str = include_str!("sql/progress_get.sql");
const UNIQUE_KEY_RELEASE: &str = include_str!("sql/unique_key_release.sql");

/// Answers a claim that has nothing to write: one that is refused or repeated, or that finds
/// nothing.
pub(super) fn look(turn: &mut Turn<'_>, params: &ClaimParams) -> Result<Option<Vec<ClaimedJob>>> {
    let worker = params.worker;
    let lost = || Error::LeaseLost { worker: worker.0 };
    let (expires_at, last): (Timestamp, i64) = turn
        .row(WORKER_CLAIMS, (worker,), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .ok_or_else(lost)?;
    if expires_at <= turn.now() {
        return Err(lost());
    }
    let claim = integer(params.claim);
    if claim < last {
        return Ok(Some(Vec::new()));
    }
    if claim == last {
        return repeat(turn, params).map(Some);
    }
    for want in wanted(params) {
        if let Some(queue) = open_queue(turn, &want.queue)?
            && turn.row(READY_ANY, (queue,), |_| Ok(()))?.is_some()
        {
            return Ok(None);
        }
    }
    Ok(Some(Vec::new()))
}

/// See [`crate::store::WorkStore::claim`].
pub(super) fn apply(turn: &mut Turn<'_>, params: &ClaimParams) -> Result<Vec<ClaimedJob>> {
    if let Some(answer) = look(turn, params)? {
        return Ok(answer);
    }
    let mut jobs = Vec::with_capacity(params.max.min(1024));
    for want in wanted(params) {
        let room = want.max.min(params.max - jobs.len());
        if let Some(queue) = open_queue(turn, &want.queue)? {
            take(turn, params, &want.queue, queue, room, &mut jobs)?;
        }
        if jobs.len() == params.max {
            break;
        }
    }
    turn.execute(WORKER_CLAIMED, (params.worker, integer(params.claim)))?;
    Ok(jobs)
}

/// What a claim wants, without what it wants nothing of.
fn wanted(params: &ClaimParams) -> impl Iterator<Item = &Want> {
    let any = params.max > 0;
    params.wants.iter().filter(move |want| any && want.max > 0)
}

/// The number of a queue that is known and not paused.
fn open_queue(turn: &Turn<'_>, name: &QueueName) -> Result<Option<i64>> {
    turn.row(QUEUE_OPEN, (name.as_str(),), |row| row.get(0))
}

fn take(
    turn: &mut Turn<'_>,
    params: &ClaimParams,
    name: &QueueName,
    queue: i64,
    room: usize,
    jobs: &mut Vec<ClaimedJob>,
) -> Result<()> {
    let now = turn.now();
    let mut statement = turn.statement(CLAIM_READ)?;
    let mut rows = statement.query((queue, integer(room)))?;
    let mut last = None;
    let mut taken = 0;
    while let Some(row) = rows.next()? {
        let seq: i64 = row.get(1)?;
        let flags: i64 = row.get(4)?;
        let mut job = read(turn, params, name, now, row)?;
        if flags::any(flags, flags::PROGRESS) {
            job.progress = turn.row(PROGRESS_GET, (seq,), |row| bytes(row, 0))?;
        }
        if flags::any(flags, flags::KEY_UNTIL_STARTED) {
            turn.execute(UNIQUE_KEY_RELEASE, (seq,))?;
        }
        jobs.push(job);
        let (priority, place): (i64, i64) = (row.get(0)?, row.get(18)?);
        last = Some((priority, place));
        taken += 1;
    }
    let Some((priority, place)) = last else {
        return Ok(());
    };
    let (worker, claim) = (params.worker, integer(params.claim));
    let start = flags::KEY_UNTIL_STARTED;
    let leased = turn.execute(
        CLAIM_LEASE,
        (worker, claim, queue, priority, place, now, start),
    )?;
    if leased != taken {
        let what = format!("queue {name:?} holds available jobs without bodies");
        return Err(Error::corrupt(what));
    }
    turn.execute(CLAIM_UNREADY, (queue, priority, place))?;
    turn.moved(queue, State::Available, State::Running, integer(taken));
    Ok(())
}

/// What the worker still holds of this claim, oldest first.
fn repeat(turn: &mut Turn<'_>, params: &ClaimParams) -> Result<Vec<ClaimedJob>> {
    let mut statement = turn.statement(CLAIM_REPEAT)?;
    let mut rows = statement.query((params.worker, integer(params.claim)))?;
    let mut jobs = Vec::new();
    while let Some(row) = rows.next()? {
        let name = turn.queue_name(row.get(18)?)?;
        let mut job = read(turn, params, &name, row.get(19)?, row)?;
        let flags: i64 = row.get(4)?;
        if flags::any(flags, flags::PROGRESS) {
            let seq: i64 = row.get(1)?;
            job.progress = turn.row(PROGRESS_GET, (seq,), |row| bytes(row, 0))?;
        }
        jobs.push(job);
    }
    Ok(jobs)
}

/// A row of the statement `claim_read`, without the job's progress.
fn read(
    turn: &mut Turn<'_>,
    params: &ClaimParams,
    queue: &QueueName,
    claimed_at: Timestamp,
    row: &Row<'_>,
) -> Result<ClaimedJob> {
    let seq: i64 = row.get(1)?;
    let accepted_at: Timestamp = row.get(9)?;
    let available_at: Option<Timestamp> = row.get(5)?;
    Ok(ClaimedJob {
        id: row.get(6)?,
        kind: turn.kind(text(row, 7)?)?,
        queue: queue.clone(),
        args: Args::from_stored(bytes(row, 17)?, row.get(16)?),
        attempt: row.get(2)?,
        max_attempts: row.get(8)?,
        crashes: row.get(3)?,
        timeout: length(row, 10)?,
        backoff: backoff(row, 11)?,
        trace: trace(row, 14)?,
        progress: None,
        accepted_at,
        available_at: available_at.unwrap_or(accepted_at),
        claimed_at,
        token: LeaseToken {
            worker: params.worker,
            claim: params.claim,
            slot: seq.unsigned_abs(),
        },
    })
}

/// The text in a column.
fn text<'row>(row: &'row Row<'_>, column: usize) -> rusqlite::Result<&'row str> {
    row.get_ref(column)?.as_str().map_err(rusqlite::Error::from)
}

/// The policy in three columns, of which the first is at `column`.
pub(super) fn backoff(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Backoff>> {
    let Some(base) = length(row, column)? else {
        return Ok(None);
    };
    Ok(Some(Backoff {
        base,
        factor: row.get(column + 1)?,
        cap: length(row, column + 2)?.unwrap_or(base),
    }))
}

/// The trace in two columns, of which the first is at `column`.
pub(super) fn trace(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<TraceContext>> {
    let Some(traceparent) = row.get_ref(column)?.as_str_or_null()? else {
        return Ok(None);
    };
    let tracestate = row.get_ref(column + 1)?.as_str_or_null()?;
    TraceContext::new(traceparent, tracestate)
        .map(Some)
        .map_err(|invalid| rusqlite::types::FromSqlError::other(invalid).into())
}
