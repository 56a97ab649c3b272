//! Due ticks become jobs: one turn reads the schedules, judges what is due and records it.

mod book;

use shared::patience::chain;
use shared::{
    clock::Timestamp,
    job::{JobId, State, attempt::shorten},
    schedule::{Definition, Overlap},
    store::{CancelParams, Error, Hint, RecordTick, ScheduleRecord, TickDecision},
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::watch, time::Instant};

use crate::{
    duty::{Duty, Halt, Reach},
    judge::{Act, Busy, Case, Judgement, judge},
    settings::Live,
    sync::{Step, plan},
};
use book::Book;

/// How soon a schedule that somebody else put, changed, paused or resumed is seen.
const POLL: Duration = Duration::from_secs(1);

/// How much longer than a change of leader ticks may be late without having been missed.
const LATE: Duration = Duration::from_secs(5);

/// Longest reason kept with a tick that was left out, in bytes.
const MAX_REASON: usize = 500;

/// Enqueues a job for each tick, and keeps the store's schedules those of the configuration.
pub(crate) struct Cron {
    live: watch::Receiver<Live>,
    grace: Duration,
    synced: bool,
    book: Book,
    /// Some ticks are held until jobs end.
    holding: bool,
}

/// A schedule with something due.
struct Due<'a> {
    record: &'a ScheduleRecord,
    definition: Arc<Definition>,
}

impl Cron {
    /// For a new term; `lease` is how long a change of leader takes.
    pub(crate) fn new(live: watch::Receiver<Live>, lease: Duration) -> Self {
        Self {
            live,
            grace: lease + LATE,
            synced: false,
            book: Book::default(),
            holding: false,
        }
    }

    /// Makes the store's schedules those of the configuration.
    async fn sync(&mut self, reach: &Reach) -> Result<(), Halt> {
        let wanted = Arc::clone(&self.live.borrow_and_update().schedules);
        self.synced = false;
        let kept = reach.call(reach.store().schedules()).await?;
        let steps = plan(&wanted, &kept).map_err(Error::from)?;
        for step in steps {
            let (schedule, done) = match step {
                Step::Put(params) => {
                    let name = params.name.clone();
                    let put = reach.call(reach.store().put_schedule(params)).await;
                    (name, put.map(|_| "is kept"))
                }
                Step::Remove(name) => {
                    let removed = reach
                        .call(reach.store().remove_schedule(name.clone()))
                        .await;
                    (name, removed.map(|()| "is removed"))
                }
            };
            match done {
                Ok(done) => tracing::info!(%schedule, "schedule {schedule} {done}"),
                // The others go on without it.
                Err(Halt::Store(error)) if !error.is_transient() => {
                    tracing::error!(%schedule, "schedule {schedule} stays: {}", chain(&error));
                }
                Err(halt) => return Err(halt),
            }
        }
        self.synced = true;
        Ok(())
    }

    /// Judges and records what is due; answers how long until something is.
    async fn tick(&mut self, reach: &Reach) -> Result<Duration, Halt> {
        let now = reach.call(reach.store().now()).await?;
        let read_at = Instant::now();
        let records = reach.call(reach.store().schedules()).await?;
        let mut next = now + POLL;
        let mut due = Vec::new();
        self.holding = false;
        for (record, definition) in self.book.open(&records) {
            let at = definition.timing.when.next(record.cursor);
            self.holding |= !record.held.is_empty();
            if !record.held.is_empty() || at.is_some_and(|at| at <= now) {
                let later = definition.timing.when.next(now);
                next = later.map_or(next, |later| next.min(later));
                due.push(Due { record, definition });
            } else if let Some(at) = at {
                next = next.min(at);
            }
        }
        let more = self.record_due(reach, &due, now).await?;
        let wait = next.since(now).saturating_sub(read_at.elapsed());
        Ok(if more { Duration::ZERO } else { wait })
    }

    /// Judges and records what is due, schedule by schedule; answers whether there is more. What
    /// is wrong with one schedule does not hold up the others.
    async fn record_due(
        &mut self,
        reach: &Reach,
        due: &[Due<'_>],
        now: Timestamp,
    ) -> Result<bool, Halt> {
        let states = last_states(reach, due).await?;
        let mut more = false;
        let mut fault = None;
        for Due { record, definition } in due {
            let busy = record.fired.and_then(|(tick, job)| {
                let state = *states.get(&job)?;
                Some(Busy { tick, job, state })
            });
            let case = Case {
                timing: &definition.timing,
                cursor: record.cursor,
                held: &record.held,
                busy,
                now,
                grace: self.grace,
            };
            let judgement = judge(&case);
            more |= judgement.more;
            self.holding |= judgement.acts.iter().any(|(_, act)| *act == Act::Hold);
            match carry_out(reach, definition, judgement, now).await {
                Ok(()) => {}
                Err(Halt::Store(error)) if !error.is_transient() => fault = Some(error),
                Err(halt) => return Err(halt),
            }
        }
        fault.map_or(Ok(more), |error| Err(error.into()))
    }
}

impl Duty for Cron {
    const WHAT: &'static str = "enqueue what is due";
    /// A turn reads every schedule, and jobs may end by the thousand.
    const GAP: Duration = Duration::from_millis(50);

    async fn turn(&mut self, reach: &Reach) -> Result<Duration, Halt> {
        if !self.synced || self.live.has_changed().unwrap_or(false) {
            self.sync(reach).await?;
        }
        self.tick(reach).await
    }

    fn is_woken_by(&self, hint: &Hint) -> bool {
        self.holding && matches!(hint, Hint::Ended | Hint::Any)
    }
}

/// The states of the last jobs that have not ended, of schedules that care.
async fn last_states(reach: &Reach, due: &[Due<'_>]) -> Result<HashMap<JobId, State>, Halt> {
    let cares = |due: &&Due<'_>| due.definition.timing.overlap != Overlap::Allow;
    let jobs: HashSet<JobId> = due
        .iter()
        .filter(cares)
        .filter_map(|due| due.record.fired.map(|(_, job)| job))
        .collect();
    if jobs.is_empty() {
        return Ok(HashMap::new());
    }
    let details = reach
        .call(reach.store().get(jobs.into_iter().collect()))
        .await?;
    let summaries = details.into_iter().flatten().map(|detail| detail.summary);
    let open = summaries.filter(|summary| !summary.state.is_terminal());
    Ok(open.map(|summary| (summary.id, summary.state)).collect())
}

/// Records a judgement, tick by tick.
async fn carry_out(
    reach: &Reach,
    definition: &Definition,
    judgement: Judgement,
    now: Timestamp,
) -> Result<(), Halt> {
    for (at, act) in judgement.acts {
        match record(reach, definition, at, act, now).await {
            // It was removed meanwhile.
            Err(Halt::Store(Error::NotFound { .. })) => return Ok(()),
            // The store will never take this job; the schedule goes on without it.
            Err(Halt::Store(Error::Invalid(fault))) => {
                let schedule = &definition.name;
                tracing::error!(%schedule, tick = %at, "the job of {schedule} is refused: {fault}");
                let act = Act::Skip(format!("its job is refused: {fault}"));
                record(reach, definition, at, act, now).await?;
            }
            recorded => recorded?,
        }
    }
    Ok(())
}

async fn record(
    reach: &Reach,
    definition: &Definition,
    at: Timestamp,
    act: Act,
    now: Timestamp,
) -> Result<(), Halt> {
    let schedule = &definition.name;
    let decision = match act {
        Act::Fire { instead_of } => {
            if let Some(job) = instead_of {
                let params = CancelParams {
                    ids: vec![job],
                    reason: format!("the tick at {at} of schedule {schedule} takes its place"),
                };
                reach.call(reach.store().cancel(params)).await?;
            }
            TickDecision::Fire(Box::new(definition.job(at, now)))
        }
        Act::Hold => TickDecision::Hold,
        Act::Skip(reason) => {
            tracing::info!(%schedule, tick = %at, "left out a tick of {schedule}: {reason}");
            TickDecision::Skip(shorten(reason, MAX_REASON).into_string())
        }
    };
    let params = RecordTick {
        schedule: schedule.clone(),
        at,
        decision,
    };
    let tick = reach.call(reach.store().record_tick(params)).await?;
    let status = &tick.status;
    tracing::debug!(%schedule, tick = %at, ?status, "recorded a tick of {schedule}");
    Ok(())
}

#[cfg(test)]
mod tests;
