//! Lists of jobs, newest first, which is by id.
//!
//! A list is fed by **lanes**: each yields the ids of jobs of one kind of standing in falling
//! order. Without states or with a tag there is one lane, over all bodies or over the tag; else
//! there is one for each state asked for. The lanes are merged, each job is looked at, and those
//! that fit make the page.
//!
//! A replica is asked first, if there is one ([`super::replica`]).

use sqlx::postgres::PgRow;
use std::{collections::BTreeSet, collections::HashMap};
use uuid::Uuid;

use super::{
    PostgresStore,
    database::Database,
    row::{get, short},
    stored,
};
use crate::{
    job::{JobId, JobSummary, QueueName, State, Tag},
    page::{Cursor, LOOK_BUDGET, MAX_LIMIT, Page},
    store::{Filter, ListParams, Result},
};

const LIST_JOB: &str = include_str!("sql/list_job.sql");
const LIST_TAG: &str = include_str!("sql/list_tag.sql");
const LIST_AVAILABLE: &str = include_str!("sql/list_available.sql");
const LIST_RUNNING: &str = include_str!("sql/list_running.sql");
const LIST_SCHEDULED: &str = include_str!("sql/list_scheduled.sql");
const LIST_FINISHED: &str = include_str!("sql/list_finished.sql");
const LIST_ENDED: &str = include_str!("sql/list_ended.sql");

/// Ids read from a lane at once, at first and at most: a rare find behind much else is looked for
/// in longer strides.
const STRIDE: std::ops::RangeInclusive<usize> = 64..=1024;

/// See [`crate::store::JobStore::list`].
pub(super) async fn list(store: &PostgresStore, params: ListParams) -> Result<Page<JobSummary>> {
    let filter = &params.filter;
    let fingerprint = filter.fingerprint();
    let below = match &params.cursor {
        Some(cursor) => Uuid::from_bytes(cursor.key_for(fingerprint)?),
        None => Uuid::max(),
    };
    let limit = params.limit.clamp(1, MAX_LIMIT);
    // Replays follow from lists of open dead letters, and must not be seen late.
    if let Some(replica) = store.replica.as_ref().filter(|_| !filter.open_dead_letters)
        && let Some(page) = replica
            .ask(|database| read(database, filter, below, limit))
            .await
    {
        return Ok(page);
    }
    read(&store.database, filter, below, limit).await
}

/// One page of the jobs that fit, below an id.
async fn read(
    database: &Database,
    filter: &Filter,
    below: Uuid,
    limit: usize,
) -> Result<Page<JobSummary>> {
    let mut ids = Ids::new(database, filter, below);
    let mut items = Vec::new();
    let mut last = None;
    let mut looked = 0;
    while looked < LOOK_BUDGET && items.len() < limit {
        let some = ids.next(LOOK_BUDGET - looked).await?;
        if some.is_empty() {
            return Ok(Page { items, next: None });
        }
        let known: Vec<JobId> = some
            .iter()
            .filter_map(|id| JobId::try_from(*id).ok())
            .collect();
        let mut jobs: HashMap<JobId, JobSummary> = stored::summaries(database, &known).await?;
        let mut rest = some.into_iter();
        for id in rest.by_ref() {
            looked += 1;
            last = Some(id);
            let job = JobId::try_from(id).ok().and_then(|id| jobs.remove(&id));
            if let Some(job) = job.filter(|job| filter.fits(job)) {
                items.push(job);
            }
            if items.len() == limit {
                break;
            }
        }
        ids.put_back(rest);
    }
    // A page that ends where the list does says so.
    let more = !ids.next(1).await?.is_empty();
    let next = last.filter(|_| more).map(|id| Cursor {
        key: id.into_bytes(),
        filter: filter.fingerprint(),
    });
    Ok(Page { items, next })
}

/// A part of the jobs, read in falling order of their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lane {
    All,
    Tag,
    Available,
    Running,
    Scheduled,
    Finished,
    /// Ends that have rows of their own, by state.
    Ended(State),
}

/// The lanes that hold every job that may fit.
fn lanes(filter: &Filter) -> Vec<Lane> {
    if filter.tag.is_some() {
        return vec![Lane::Tag];
    }
    if filter.states.is_empty() {
        return vec![Lane::All];
    }
    let mut lanes = Vec::new();
    for state in &filter.states {
        match state {
            State::Pending => {}
            State::Available => lanes.push(Lane::Available),
            State::Running => lanes.push(Lane::Running),
            State::Scheduled | State::Retryable => {
                // One table holds both: asked for both, it is one lane.
                if !lanes.contains(&Lane::Scheduled) {
                    lanes.push(Lane::Scheduled);
                }
            }
            State::Completed => lanes.extend([Lane::Finished, Lane::Ended(*state)]),
            State::Cancelled | State::Discarded => lanes.push(Lane::Ended(*state)),
        }
    }
    lanes
}

/// The ids of all lanes in falling order.
struct Ids<'a> {
    database: &'a Database,
    filter: &'a Filter,
    /// Lanes that may hold more, each with the id below which it is still to be read.
    lanes: Vec<(Lane, Uuid)>,
    /// Read and not yet given out.
    read: BTreeSet<Uuid>,
    stride: usize,
}

impl<'a> Ids<'a> {
    fn new(database: &'a Database, filter: &'a Filter, below: Uuid) -> Self {
        Self {
            database,
            filter,
            lanes: lanes(filter)
                .into_iter()
                .map(|lane| (lane, below))
                .collect(),
            read: BTreeSet::new(),
            stride: *STRIDE.start(),
        }
    }

    /// The next ids, at most `limit`; none when all were given out. What lies below the point to
    /// which some lane was read has to wait, because that lane may hold something in between.
    async fn next(&mut self, limit: usize) -> Result<Vec<Uuid>> {
        loop {
            let floor = self.lanes.iter().map(|(_, below)| *below).max();
            let safe = |id: &Uuid| floor.is_none_or(|floor| *id >= floor);
            let ready: Vec<Uuid> = {
                let from_the_top = self.read.iter().rev();
                from_the_top
                    .take_while(|id| safe(id))
                    .take(limit)
                    .copied()
                    .collect()
            };
            if !ready.is_empty() || floor.is_none() {
                for id in &ready {
                    self.read.remove(id);
                }
                return Ok(ready);
            }
            self.read_on(floor).await?;
            self.stride = (self.stride * 2).min(*STRIDE.end());
        }
    }

    /// Takes back ids that were not looked at.
    fn put_back(&mut self, ids: impl Iterator<Item = Uuid>) {
        self.read.extend(ids);
    }

    /// Reads on in the lanes that were read the least far, down to `floor`.
    async fn read_on(&mut self, floor: Option<Uuid>) -> Result<()> {
        for (lane, below) in std::mem::take(&mut self.lanes) {
            if Some(below) != floor {
                self.lanes.push((lane, below));
                continue;
            }
            let ids = self.read_lane(lane, below).await?;
            // A lane that yields nothing has ended; one that yields less than asked need not have.
            if let Some(last) = ids.last() {
                self.lanes.push((lane, *last));
            }
            self.read.extend(ids);
        }
        Ok(())
    }

    async fn read_lane(&self, lane: Lane, below: Uuid) -> Result<Vec<Uuid>> {
        let limit = short(self.stride);
        let database = self.database;
        let queues = || -> Option<Vec<&str>> {
            let names = self.filter.queues.iter().map(QueueName::as_str);
            (!self.filter.queues.is_empty()).then(|| names.collect())
        };
        let rows = match lane {
            Lane::All => {
                let rows = database.read(LIST_JOB, |call| call.bind(below).bind(limit));
                rows.await?
            }
            Lane::Tag => {
                let tag = self.filter.tag.as_ref().map(Tag::as_str);
                let rows = database.read(LIST_TAG, |call| call.bind(below).bind(limit).bind(tag));
                rows.await?
            }
            Lane::Available => {
                let rows = database.read(LIST_AVAILABLE, |call| {
                    call.bind(below).bind(limit).bind(queues())
                });
                rows.await?
            }
            Lane::Running => {
                let rows = database.read(LIST_RUNNING, |call| call.bind(below).bind(limit));
                rows.await?
            }
            Lane::Scheduled => {
                let rows = database.read(LIST_SCHEDULED, |call| call.bind(below).bind(limit));
                rows.await?
            }
            Lane::Finished => {
                let rows = database.read(LIST_FINISHED, |call| call.bind(below).bind(limit));
                rows.await?
            }
            Lane::Ended(state) => {
                let state = state as i16;
                let rows =
                    database.read(LIST_ENDED, |call| call.bind(below).bind(limit).bind(state));
                rows.await?
            }
        };
        rows.iter().map(|row: &PgRow| get(row, 0)).collect()
    }
}
