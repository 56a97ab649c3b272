//! Ends of attempts. A settle is judged against the lease; one whose lease is gone is either a
//! repetition or comes too late.

use super::{complete, held::Held, row::integer, writer::Turn};
use std::time::Duration;

use crate::{
    job::{JobId, State, outcome::Ending},
    lease::WorkerId,
    store::{Result, Settle, Settled},
};

const LEASE_GET: &str = include_str!("sql/lease_get.sql");
const SETTLED_BY: &str = include_str!("sql/settled_by.sql");

/// See [`crate::store::WorkStore::settle`].
pub(super) fn apply(turn: &mut Turn<'_>, items: &[Settle]) -> Result<Vec<Settled>> {
    let mut verdicts = vec![None; items.len()];
    complete::by_runs(turn, items, &mut verdicts)?;
    items
        .iter()
        .zip(verdicts)
        .map(|(item, verdict)| verdict.map_or_else(|| one(turn, item), Ok))
        .collect()
}

fn one(turn: &mut Turn<'_>, item: &Settle) -> Result<Settled> {
    let held = turn.row(LEASE_GET, (integer(item.token.slot),), Held::read)?;
    match held.filter(|held| is_held(held, item)) {
        Some(held) => end(turn, held, item).map(Settled::Kept),
        None => too_late(turn, item),
    }
}

fn is_held(held: &Held, item: &Settle) -> bool {
    held.worker == item.token.worker
        && held.claim == integer(item.token.claim)
        && held.id == item.id
}

/// Carries out an ending; answers the state it led to.
fn end(turn: &mut Turn<'_>, mut held: Held, item: &Settle) -> Result<State> {
    held.settled();
    if let Some(progress) = &item.progress {
        held.keep_progress(turn, progress)?;
    }
    match &item.ending {
        Ending::Complete { result } => held.complete(turn, result.as_deref()),
        Ending::Cancel { failure } => {
            held.keep_error(turn, failure)?;
            held.end(turn, State::Cancelled)
        }
        Ending::Discard { failure } => {
            held.keep_error(turn, failure)?;
            held.end(turn, State::Discarded)
        }
        Ending::Retry { wait, failure } => {
            held.keep_error(turn, failure)?;
            put_off(turn, held, State::Retryable, *wait)
        }
        Ending::Snooze { wait, failure } => {
            if let Some(failure) = failure {
                held.keep_error(turn, failure)?;
            }
            held.uncount();
            put_off(turn, held, State::Scheduled, *wait)
        }
        Ending::Release => release(turn, held),
    }
}

/// Puts a job off unless somebody wants it stopped, or there is nothing to wait for.
fn put_off(turn: &mut Turn<'_>, held: Held, state: State, wait: Duration) -> Result<State> {
    let run_at = turn.now() + wait;
    if held.is_unwanted() {
        held.end(turn, State::Cancelled)
    } else if run_at <= turn.now() {
        held.requeue(turn)
    } else {
        held.put_off(turn, state, run_at)
    }
}

/// Hands a job back unless somebody wants it stopped; as a settle and as a worker that leaves.
pub(super) fn release(turn: &mut Turn<'_>, mut held: Held) -> Result<State> {
    held.uncount();
    if held.is_unwanted() {
        held.end(turn, State::Cancelled)
    } else {
        held.hand_back(turn)
    }
}

/// Judges a settle whose lease is gone.
fn too_late(turn: &Turn<'_>, item: &Settle) -> Result<Settled> {
    let seen = turn.row(SETTLED_BY, (integer(item.token.slot),), |row| {
        let id: JobId = row.get(0)?;
        let worker: Option<WorkerId> = row.get(1)?;
        let claim: Option<i64> = row.get(2)?;
        Ok((id, worker, claim))
    })?;
    let own = (
        item.id,
        Some(item.token.worker),
        Some(integer(item.token.claim)),
    );
    Ok(if seen == Some(own) {
        Settled::Repeated
    } else {
        Settled::Fenced
    })
}
