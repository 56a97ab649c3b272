//! Everything that can be seen of a store, to be compared with another.

use std::fmt::Debug;

use super::{
    choose::{DESTINATIONS, ROLES, SCHEDULES},
    op::Known,
};
use crate::make::label;
use shared::{
    clock::Timestamp,
    job::{JobDetail, JobSummary},
    lease::WorkerRecord,
    store::{
        DestinationRecord, Election, Entry, Filter, ListParams, QueueRecord, Receipt, Result,
        ScheduleRecord, Store, Tick,
    },
};

/// Everything.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) now: Timestamp,
    pub(super) jobs: Vec<Option<JobDetail>>,
    pub(super) list: Vec<JobSummary>,
    pub(super) queues: Vec<QueueRecord>,
    pub(super) workers: Vec<WorkerRecord>,
    schedules: Vec<ScheduleRecord>,
    ticks: Vec<Vec<Tick>>,
    leaders: Vec<Option<Election>>,
    destinations: Vec<DestinationRecord>,
    waiting: Vec<Vec<Entry>>,
    receipts: Vec<Vec<Receipt>>,
}

/// Ticks that a store keeps at least.
const KEPT_TICKS: usize = 100;

impl Snapshot {
    pub(super) async fn of(store: &dyn Store, known: &Known) -> Result<Self> {
        let mut ticks = Vec::new();
        for name in SCHEDULES {
            ticks.push(store.ticks(label(name), KEPT_TICKS).await?);
        }
        let mut leaders = Vec::new();
        for role in ROLES {
            leaders.push(store.leader(role.to_owned()).await?);
        }
        let mut waiting = Vec::new();
        for name in DESTINATIONS {
            waiting.push(store.peek(label(name), 1000).await?);
        }
        let mut receipts = Vec::new();
        let recent = known.ids.len().saturating_sub(15);
        for origin in &known.ids[recent..] {
            receipts.push(store.receipts(*origin).await?);
        }
        Ok(Self {
            now: store.now().await?,
            jobs: store.get(known.ids.clone()).await?,
            list: list(store, &Filter::default(), 100).await?,
            queues: store.queues().await?,
            workers: store.workers().await?,
            schedules: store.schedules().await?,
            ticks,
            leaders,
            destinations: store.destinations().await?,
            waiting,
            receipts,
        })
    }

    /// # Errors
    /// Says where `other`, of the store under test, differs from this one, of the reference.
    pub(super) fn compare(&self, other: &Self) -> Result<(), String> {
        same("the clock", &[self.now], &[other.now])?;
        same("a job", &self.jobs, &other.jobs)?;
        same("the list", &self.list, &other.list)?;
        same("the workers", &self.workers, &other.workers)?;
        // Counts that are no more than an estimate are not compared.
        let exact = other.queues.iter().all(|queue| queue.exact);
        let names = |queues: &[QueueRecord]| -> Vec<_> {
            queues
                .iter()
                .map(|q| (q.name.clone(), q.paused_at))
                .collect()
        };
        same("the queues", &names(&self.queues), &names(&other.queues))?;
        if exact {
            same("the queues", &self.queues, &other.queues)?;
        }
        same("the schedules", &self.schedules, &other.schedules)?;
        same("the ticks", &self.ticks, &other.ticks)?;
        same("the leaders", &self.leaders, &other.leaders)?;
        same("the destinations", &self.destinations, &other.destinations)?;
        same("what waits", &self.waiting, &other.waiting)?;
        same("the receipts", &self.receipts, &other.receipts)
    }
}

/// All jobs that fit a filter, through pages of at most `limit`.
pub(super) async fn list(
    store: &dyn Store,
    filter: &Filter,
    limit: usize,
) -> Result<Vec<JobSummary>> {
    let mut all = Vec::new();
    let mut cursor = None;
    loop {
        let params = ListParams {
            filter: filter.clone(),
            cursor,
            limit,
        };
        let page = store.list(params).await?;
        all.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            return Ok(all);
        }
    }
}

/// # Errors
/// Names the first place at which two lists differ.
fn same<T: PartialEq + Debug>(what: &str, reference: &[T], store: &[T]) -> Result<(), String> {
    for (at, (expected, found)) in reference.iter().zip(store).enumerate() {
        if expected != found {
            return Err(format!(
                "{what} [{at}] differs\n  reference: {expected:?}\n  store:     {found:?}"
            ));
        }
    }
    if reference.len() == store.len() {
        return Ok(());
    }
    let (more, by) = if reference.len() > store.len() {
        ("the reference", &reference[store.len()..])
    } else {
        ("the store", &store[reference.len()..])
    };
    Err(format!("{what}: {more} has more: {by:?}"))
}
