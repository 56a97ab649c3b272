//! What a scheduler does for jobs, for a worker that has none beside it: due jobs become
//! available, jobs of dead workers are rescued, ended jobs are forgotten.
//!
//! Each step may be done by anybody at any time and is safe to be done twice, so several workers
//! may do this at once, and a scheduler too. Schedules are not for them: those need a scheduler.

use shared::{
    lease::MAX_CRASHES,
    patience::{Patience, jittered},
    store::{Hint, PruneParams, RescueParams, Result, Retention, Store},
};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::engine::in_time;

/// Most jobs in one step.
const BATCH: usize = 1000;

/// How long a store may take for one call.
const CALL: Duration = Duration::from_secs(5);

/// How soon a due job is found that no hint told of.
const POLL: Duration = Duration::from_millis(500);

/// How often dead workers are looked for.
const RESCUE_EVERY: Duration = Duration::from_secs(1);

/// How often ended jobs are forgotten.
const PRUNE_EVERY: Duration = Duration::from_secs(10);

/// Does it all until `closed`.
pub(crate) async fn run(store: Arc<dyn Store>, retention: Retention, closed: CancellationToken) {
    let duties = async {
        tokio::join!(
            promote(&*store),
            every(RESCUE_EVERY, "rescue jobs", || rescue(&*store)),
            every(PRUNE_EVERY, "forget ended jobs", || prune(
                &*store, retention
            )),
        )
    };
    tokio::select! {
        _ = duties => {}
        () = closed.cancelled() => {}
    }
}

/// Sleeps until the next job is due, or a hint says that one was put off.
async fn promote(store: &dyn Store) {
    let mut patience = Patience::new("make due jobs available");
    loop {
        // Listening begins before looking, so that what happens meanwhile is not missed.
        let mut hints = store.wakeups();
        match in_time(CALL, store.promote(BATCH)).await {
            Ok(promoted) => {
                patience.succeeded();
                let wait = promoted.next_in.map_or(POLL, |next| next.min(POLL));
                let told =
                    async { while !matches!(hints.next().await, Hint::Scheduled | Hint::Any) {} };
                // The end of the wait is as good a reason to look as a hint.
                drop(timeout(wait, told).await);
            }
            Err(error) => sleep(patience.failed(&error)).await,
        }
    }
}

/// Takes a step over and over; a step that says that there is more is followed at once.
async fn every<F: Future<Output = Result<bool>>>(
    length: Duration,
    what: &'static str,
    mut step: impl FnMut() -> F,
) {
    let mut patience = Patience::new(what);
    let mut next = Instant::now() + jittered(length);
    loop {
        tokio::time::sleep_until(next).await;
        match step().await {
            Ok(more) => {
                patience.succeeded();
                next = Instant::now()
                    + if more {
                        Duration::ZERO
                    } else {
                        jittered(length)
                    };
            }
            Err(error) => next = Instant::now() + patience.failed(&error),
        }
    }
}

async fn rescue(store: &dyn Store) -> Result<bool> {
    let params = RescueParams {
        max_crashes: MAX_CRASHES,
        limit: BATCH,
    };
    let rescued = in_time(CALL, store.rescue(params)).await?;
    let jobs = rescued.requeued.len() + rescued.discarded.len() + rescued.cancelled.len();
    if jobs > 0 {
        tracing::warn!("rescued {jobs} jobs of workers that were not heard of any more");
    }
    Ok(jobs >= BATCH)
}

async fn prune(store: &dyn Store, retention: Retention) -> Result<bool> {
    let params = PruneParams {
        retention,
        limit: BATCH,
    };
    Ok(in_time(CALL, store.prune(params)).await?.more)
}
