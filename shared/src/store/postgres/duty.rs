//! What keeps jobs moving, and the schema light.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{
    PostgresStore, database,
    row::{count, get, integer},
    settle,
};
use crate::{
    clock::Timestamp,
    job::{JobId, QueueName, attempt::Failure},
    lease::WorkerId,
    store::{Hint, Promoted, PruneParams, Pruned, RescueParams, Rescued, Result},
};

const PROMOTE: &str = include_str!("sql/promote.sql");
const RESCUE: &str = include_str!("sql/rescue.sql");
const PRUNE: &str = include_str!("sql/prune.sql");
const FOLD: &str = include_str!("sql/fold.sql");
const MAINTAIN: &str = include_str!("sql/maintain.sql");

/// How often what was counted is added up, by whoever leads.
const FOLD_EVERY: Duration = Duration::from_secs(2);

/// How often the partitions of bodies are looked after.
const MAINTAIN_EVERY: Duration = Duration::from_mins(1);

/// Most bodies in the default partition that are looked at each time.
const SWEEP: usize = 10_000;

/// When this process last did what it does now and then.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<Option<Instant>>);

impl Pace {
    fn is_due(&self, every: Duration) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|at| at.elapsed() >= every);
        if due {
            *last = Some(Instant::now());
        }
        due
    }
}

/// See [`crate::store::DutyStore::promote`].
pub(super) async fn promote(store: &PostgresStore, limit: usize) -> Result<Promoted> {
    if store.folding.is_due(FOLD_EVERY) {
        store.database.write(FOLD, |call| call).await?;
    }
    let rows = store.database.write(PROMOTE, |call| {
        call.bind(store.database.now()).bind(integer(limit))
    });
    let row = database::only(rows.await?)?;
    let next: Option<Timestamp> = get(&row, 1)?;
    let now: Timestamp = get(&row, 2)?;
    for queue in get::<Vec<QueueName>>(&row, 3)? {
        store.hint(Hint::Available(queue));
    }
    Ok(Promoted {
        count: usize::try_from(count(&row, 0)?).unwrap_or(usize::MAX),
        next_in: next.map(|at| at.since(now)),
    })
}

/// See [`crate::store::DutyStore::rescue`].
pub(super) async fn rescue(store: &PostgresStore, params: RescueParams) -> Result<Rescued> {
    let failure = settle::written(&Failure::crashed())?;
    let rows = store.database.write(RESCUE, |call| {
        call.bind(store.database.now())
            .bind(i64::from(params.max_crashes))
            .bind(integer(params.limit))
            .bind(&*failure)
    });
    let mut rescued = Rescued::default();
    for row in rows.await? {
        let job: Option<JobId> = get(&row, 1)?;
        match (job, get::<i16>(&row, 2)?) {
            (Some(id), 6) => rescued.cancelled.push(id),
            (Some(id), 7) => rescued.discarded.push(id),
            (Some(id), _) => rescued.requeued.push(id),
            (None, _) => {
                let worker: WorkerId = get(&row, 0)?;
                store.memory.left(worker);
                rescued.workers.push(worker);
            }
        }
    }
    if !rescued.requeued.is_empty() {
        store.hint(Hint::Any);
    }
    if !rescued.cancelled.is_empty() || !rescued.discarded.is_empty() {
        store.hint(Hint::Ended);
    }
    Ok(rescued)
}

/// See [`crate::store::DutyStore::prune`].
pub(super) async fn prune(store: &PostgresStore, params: PruneParams) -> Result<Pruned> {
    let now = store.server_now().await?;
    let kept = params.retention;
    let longest = kept.completed.max(kept.cancelled).max(kept.discarded);
    let rows = store.database.write(PRUNE, |call| {
        call.bind(store.database.now())
            .bind(now - kept.completed)
            .bind(now - kept.cancelled)
            .bind(now - kept.discarded)
            .bind(now - longest)
            .bind(integer(params.limit))
    });
    let row = database::only(rows.await?)?;
    let pruned = Pruned {
        count: usize::try_from(count(&row, 0)?).unwrap_or(usize::MAX),
        more: get(&row, 1)?,
    };
    if store.maintaining.is_due(MAINTAIN_EVERY)
        && let Err(error) = maintain(store).await
    {
        // Bodies lie in the default partition, or longer than they need to: nothing is lost.
        tracing::warn!("cannot look after the partitions of windlass.job: {error}");
    }
    Ok(pruned)
}

/// One step of looking after the partitions of bodies.
async fn maintain(store: &PostgresStore) -> Result<()> {
    let rows = store.database.write(MAINTAIN, |call| {
        call.bind(store.database.now()).bind(integer(SWEEP))
    });
    let row = database::only(rows.await?)?;
    let (made, dropped): (i32, Option<String>) = (get(&row, 0)?, get(&row, 1)?);
    let (moved, forgotten) = (count(&row, 2)?, count(&row, 3)?);
    if made > 0 {
        tracing::debug!("made {made} partitions of windlass.job");
    }
    if let Some(name) = dropped {
        tracing::debug!(
            "dropped windlass.{name}; {moved} of its jobs are in the default partition"
        );
    }
    if forgotten > 0 {
        tracing::debug!("deleted {forgotten} bodies from the default partition");
    }
    if get::<bool>(&row, 4)? {
        tracing::debug!("windlass.job is in use; its partitions are left as they are for now");
    }
    Ok(())
}
