//! What keeps jobs moving, in bounded steps.

use redis::{Cmd, Value};

use super::{RedisStore, reply, settle::failure_text, worker::micros};
use crate::{
    job::{JobId, State, attempt::Failure},
    lease::WorkerId,
    store::{Hint, Promoted, PruneParams, Pruned, RescueParams, Rescued, Result},
};

/// Most jobs of one step.
const MOST: usize = 128;

/// Ticks that a prune leaves of a schedule, beside those that the next one is judged by.
const KEPT_TICKS: usize = 100;

/// See [`crate::store::DutyStore::promote`].
pub(super) async fn promote(store: &RedisStore, limit: usize) -> Result<Promoted> {
    let mut promoted = Promoted::default();
    loop {
        let most = (limit - promoted.count).min(MOST);
        let mut call = store.server.function("promote");
        call.arg(most);
        let mut values = reply::Values::of(store.server.write(call).await?)?;
        let count = reply::size(values.next()?)?;
        let next_in = reply::number(values.next()?)?;
        promoted.count += count;
        promoted.next_in = u64::try_from(next_in)
            .ok()
            .map(std::time::Duration::from_micros);
        if count < MOST || promoted.count >= limit {
            break;
        }
    }
    if promoted.count > 0 {
        store.hint(Hint::Any);
    }
    Ok(promoted)
}

/// See [`crate::store::DutyStore::rescue`].
pub(super) async fn rescue(store: &RedisStore, params: RescueParams) -> Result<Rescued> {
    let mut rescued = Rescued::default();
    let mut left = params.limit;
    let crash = failure_text(&Failure::crashed())?;
    loop {
        let mut call = store.server.function("rescue");
        call.arg(left.min(MOST))
            .arg(params.max_crashes)
            .arg(&crash[..]);
        let mut values = reply::Values::of(store.server.keep(call).await?)?;
        let ids = |value: Value| -> Result<Vec<JobId>> {
            reply::list(value)?.into_iter().map(reply::id).collect()
        };
        let (requeued, discarded) = (ids(values.next()?)?, ids(values.next()?)?);
        let cancelled = ids(values.next()?)?;
        left = left.saturating_sub(requeued.len() + discarded.len() + cancelled.len());
        rescued.requeued.extend(requeued);
        rescued.discarded.extend(discarded);
        rescued.cancelled.extend(cancelled);
        for worker in reply::list(values.next()?)? {
            rescued.workers.push(WorkerId(reply::count(worker)?));
        }
        let more = reply::count(values.next()?)? == 1;
        if !more || left == 0 {
            break;
        }
    }
    hint(store, &rescued);
    Ok(rescued)
}

fn hint(store: &RedisStore, rescued: &Rescued) {
    if !rescued.requeued.is_empty() {
        store.hint(Hint::Any);
    }
    if !rescued.discarded.is_empty() || !rescued.cancelled.is_empty() {
        store.hint(Hint::Ended);
    }
}

/// See [`crate::store::DutyStore::prune`].
pub(super) async fn prune(store: &RedisStore, params: PruneParams) -> Result<Pruned> {
    let PruneParams { retention, limit } = params;
    let mut pruned = Pruned::default();
    for (state, kept) in [
        (State::Completed, retention.completed),
        (State::Cancelled, retention.cancelled),
        (State::Discarded, retention.discarded),
    ] {
        loop {
            let most = (limit - pruned.count).min(MOST);
            let mut call = store.server.function("prune");
            call.arg(state as u8).arg(micros(kept)).arg(most);
            let (count, more) = step(store, call).await?;
            pruned.count += count;
            if !more || pruned.count >= limit {
                pruned.more |= more;
                break;
            }
        }
    }
    let longest = retention
        .completed
        .max(retention.cancelled)
        .max(retention.discarded);
    let mut windows = store.server.function("prune_windows");
    windows.arg(limit.min(MOST));
    let mut receipts = store.server.function("prune_receipts");
    receipts.arg(micros(longest)).arg(limit.min(MOST));
    let mut ticks = store.server.function("prune_ticks");
    ticks.arg(KEPT_TICKS).arg(MOST);
    for call in [windows, receipts, ticks] {
        pruned.more |= step(store, call).await?.1;
    }
    Ok(pruned)
}

/// Makes one step of a prune; answers how many were forgotten, and whether there are more.
async fn step(store: &RedisStore, call: Cmd) -> Result<(usize, bool)> {
    let mut values = reply::Values::of(store.server.write(call).await?)?;
    Ok((
        reply::size(values.next()?)?,
        reply::count(values.next()?)? == 1,
    ))
}
