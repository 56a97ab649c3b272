//! Stopping jobs, and making those that wait for their time available.

use super::{flags, stored, stored::Stored, writer::Turn};
use crate::{
    job::{JobId, State},
    store::{CancelParams, Cancelled, Result, RunNow},
};

const CANCEL_REQUEST_INSERT: &str = include_str!("sql/cancel_request_insert.sql");
const LEASE_FLAG: &str = include_str!("sql/lease_flag.sql");
const READY_DELETE: &str = include_str!("sql/ready_delete.sql");
const READY_INSERT: &str = include_str!("sql/ready_insert.sql");
const SCHEDULED_DELETE: &str = include_str!("sql/scheduled_delete.sql");
const ENDED_INSERT: &str = include_str!("sql/ended_insert.sql");
const UNIQUE_KEY_RELEASE: &str = include_str!("sql/unique_key_release.sql");

/// See [`crate::store::JobStore::cancel`].
pub(super) fn apply(turn: &mut Turn<'_>, params: &CancelParams) -> Result<Vec<Cancelled>> {
    params
        .ids
        .iter()
        .map(|id| one(turn, *id, &params.reason))
        .collect()
}

fn one(turn: &mut Turn<'_>, id: JobId, reason: &str) -> Result<Cancelled> {
    let Some(job) = stored::by_id(turn.connection(), id)? else {
        return Ok(Cancelled::Unknown);
    };
    match job.summary.state {
        state if state.is_terminal() => return Ok(Cancelled::Ended(state)),
        State::Running if flags::any(job.flags, flags::STOP) => {}
        State::Running => {
            turn.execute(CANCEL_REQUEST_INSERT, (job.seq, turn.now(), reason))?;
            turn.execute(LEASE_FLAG, (job.seq, flags::STOP))?;
        }
        _ => {
            turn.execute(CANCEL_REQUEST_INSERT, (job.seq, turn.now(), reason))?;
            end_waiting(turn, &job)?;
            return Ok(Cancelled::Done);
        }
    }
    turn.asked_to_stop();
    Ok(Cancelled::Requested)
}

/// A job that waits → `cancelled`.
fn end_waiting(turn: &mut Turn<'_>, job: &Stored) -> Result<()> {
    take_out(turn, job)?;
    if flags::any(job.flags, flags::KEY) {
        turn.execute(UNIQUE_KEY_RELEASE, (job.seq,))?;
    }
    let flags = (job.flags & !flags::KEY) | flags::STOP;
    let (worker, claim) = job.settled.unzip();
    let never: Option<i64> = None;
    let summary = &job.summary;
    let state = State::Cancelled;
    turn.execute(
        ENDED_INSERT,
        (
            job.seq,
            state,
            worker,
            claim,
            summary.attempt,
            summary.crashes,
            flags,
            never,
            turn.now(),
        ),
    )?;
    turn.moved(job.queue, summary.state, state, 1);
    Ok(())
}

/// See [`crate::store::JobStore::run_now`].
pub(super) fn run_now(turn: &mut Turn<'_>, ids: &[JobId]) -> Result<Vec<RunNow>> {
    ids.iter().map(|id| run_one_now(turn, *id)).collect()
}

fn run_one_now(turn: &mut Turn<'_>, id: JobId) -> Result<RunNow> {
    let Some(job) = stored::by_id(turn.connection(), id)? else {
        return Ok(RunNow::Unknown);
    };
    match job.summary.state {
        State::Available => return Ok(RunNow::Done),
        State::Scheduled | State::Retryable => {}
        state => return Ok(RunNow::NotWaiting(state)),
    }
    take_out(turn, &job)?;
    let place = turn.next_number()?;
    turn.use_numbers(1);
    let (worker, claim) = job.settled.unzip();
    let summary = &job.summary;
    turn.execute(
        READY_INSERT,
        (
            job.queue,
            summary.priority,
            place,
            job.seq,
            summary.attempt,
            summary.crashes,
            job.flags,
            turn.now(),
            worker,
            claim,
        ),
    )?;
    turn.moved(job.queue, summary.state, State::Available, 1);
    Ok(RunNow::Done)
}

/// Removes a job that waits from where it waits.
fn take_out(turn: &Turn<'_>, job: &Stored) -> Result<()> {
    if job.summary.state == State::Available {
        let row = (job.queue, job.summary.priority, job.place);
        turn.execute(READY_DELETE, row)?;
    } else {
        turn.execute(SCHEDULED_DELETE, (job.seq,))?;
    }
    Ok(())
}
