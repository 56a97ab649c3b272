//! Handing out jobs: the statement does it; here is what this process remembers between claims.
//!
//! The *marks* say where the next scan may start (`migrations/postgres/0003_claim.sql` states the
//! protocol). They are right as long as the server has not crashed since they were made, for a
//! crash may bring rows back that a claim took. Every connection that is opened therefore makes
//! them start anew ([`Database::epoch`](super::database::Database::epoch)): after a crash there is
//! no old connection left to claim on. Behind a pooler that hides this, a minute does.

use bytes::Bytes;
use sqlx::{Row, postgres::PgRow};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{
    PostgresStore,
    opts::Opts,
    row::{integer, short},
};
use crate::{
    job::{Args, ClaimedJob, JobId, Kind, QueueName},
    lease::{LeaseToken, WorkerId},
    store::{ClaimParams, Error, Result, Want},
};

const CLAIM: &str = include_str!("sql/claim.sql");
const CLAIM_AGAIN: &str = include_str!("sql/claim_again.sql");
const WORKER_ALIVE: &str = include_str!("sql/worker_alive.sql");

/// How long marks are used before a scan starts at the beginning again.
const MARKS_LAST: Duration = Duration::from_mins(1);

/// Most jobs that one claim hands out.
const MOST: usize = 100_000;

/// What this process remembers of its claims.
#[derive(Debug, Default)]
pub(super) struct Memory {
    marks: Mutex<Marks>,
    /// The last number of each worker's claims that handed something out.
    last: Mutex<HashMap<WorkerId, u64>>,
}

#[derive(Debug, Default)]
struct Marks {
    epoch: u64,
    since: Option<Instant>,
    /// Per queue: the marks of its lanes and the stragglers, as the server wrote them.
    of: HashMap<QueueName, (String, String)>,
}

/// The marks that one claim starts at, and the epoch in which they were read.
struct Start {
    epoch: u64,
    marks: Vec<Option<String>>,
    stragglers: Vec<Option<String>>,
}

impl Memory {
    fn start(&self, epoch: u64, wants: &[&Want]) -> Start {
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        let old = marks.since.is_none_or(|at| at.elapsed() > MARKS_LAST);
        if old || marks.epoch != epoch {
            marks.epoch = epoch;
            marks.since = Some(Instant::now());
            marks.of.clear();
        }
        let of = |want: &&&Want| marks.of.get(&want.queue).cloned().unzip();
        let (marks, stragglers) = wants.iter().map(|want| of(&want)).unzip();
        Start {
            epoch,
            marks,
            stragglers,
        }
    }

    /// Keeps what a claim found, unless a connection was opened since it started.
    fn keep(&self, epoch: u64, queue: QueueName, found: (String, String)) {
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        if marks.epoch == epoch {
            marks.of.insert(queue, found);
        }
    }

    fn last(&self, worker: WorkerId) -> u64 {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.get(&worker).copied().unwrap_or(0)
    }

    fn used(&self, worker: WorkerId, claim: u64) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.insert(worker, claim);
    }

    /// Forgets a worker whose registration ended.
    pub(super) fn left(&self, worker: WorkerId) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.remove(&worker);
    }
}

/// See [`crate::store::WorkStore::claim`].
pub(super) async fn claim(store: &PostgresStore, params: ClaimParams) -> Result<Vec<ClaimedJob>> {
    let (worker, number) = (params.worker, integer(params.claim));
    if params.claim <= store.memory.last(worker) {
        return again(store, &params).await;
    }
    let wants: Vec<&Want> = params.wants.iter().filter(|want| want.max > 0).collect();
    let queues: Vec<&str> = wants.iter().map(|want| want.queue.as_str()).collect();
    let most: Vec<i32> = wants.iter().map(|want| short(want.max)).collect();
    let started = Mutex::new(None);
    let rows = store.database.write(CLAIM, |call| {
        // The connection is there already: no epoch begins between this look and the claim.
        let start = store.memory.start(store.database.epoch(), &wants);
        let call = call
            .bind(store.database.now())
            .bind(worker)
            .bind(number)
            .bind(&queues)
            .bind(&most)
            .bind(bounded(params.max))
            .bind(&start.marks)
            .bind(&start.stragglers);
        *started.lock().unwrap_or_else(PoisonError::into_inner) = Some(start.epoch);
        call
    });
    let rows = match rows.await {
        Err(Error::LeaseLost { worker: lost }) => {
            store.memory.left(worker);
            return Err(Error::LeaseLost { worker: lost });
        }
        answer => answer?,
    };
    let epoch = started.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut reader = Reader::new(&params);
    let mut jobs = Vec::with_capacity(rows.len());
    for row in &rows {
        let slot: i32 = row.try_get_unchecked(0)?;
        if slot >= 0 {
            jobs.push(reader.read(slot, row)?);
        } else if let Some(want) = usize::try_from(-slot - 1).ok().and_then(|at| wants.get(at))
            && let Some(epoch) = epoch
        {
            let found = (row.try_get_unchecked(8)?, row.try_get_unchecked(11)?);
            store.memory.keep(epoch, want.queue.clone(), found);
        }
    }
    if !jobs.is_empty() {
        store.memory.used(worker, params.claim);
    }
    Ok(in_order(jobs))
}

/// The order in which they stood: the server answers in none.
fn in_order(mut jobs: Vec<ClaimedJob>) -> Vec<ClaimedJob> {
    jobs.sort_unstable_by_key(|job| job.token.slot);
    jobs
}

/// A limit of the caller's within what one answer may hold.
fn bounded(limit: usize) -> i32 {
    short(limit.min(MOST))
}

/// What the worker still holds of a claim whose number was used; of an older one, nothing.
async fn again(store: &PostgresStore, params: &ClaimParams) -> Result<Vec<ClaimedJob>> {
    let worker = params.worker;
    let alive = store.database.read(WORKER_ALIVE, |call| {
        call.bind(store.database.now()).bind(worker)
    });
    if alive.await?.is_empty() {
        store.memory.left(worker);
        return Err(Error::LeaseLost { worker: worker.0 });
    }
    if params.claim < store.memory.last(worker) {
        return Ok(Vec::new());
    }
    let rows = store.database.read(CLAIM_AGAIN, |call| {
        call.bind(worker).bind(integer(params.claim))
    });
    let mut reader = Reader::new(params);
    let rows = rows.await?;
    let jobs = rows
        .iter()
        .map(|row| reader.read(row.try_get_unchecked(0)?, row));
    jobs.collect::<Result<_>>().map(in_order)
}

/// Reads rows of a claim. Most of a claim are of one queue and kind: a name that comes again is
/// not made again.
struct Reader<'p> {
    params: &'p ClaimParams,
    queue: Option<QueueName>,
    kind: Option<Kind>,
}

impl<'p> Reader<'p> {
    fn new(params: &'p ClaimParams) -> Self {
        Self {
            params,
            queue: None,
            kind: None,
        }
    }

    fn read(&mut self, slot: i32, row: &PgRow) -> Result<ClaimedJob> {
        let id: JobId = row.try_get_unchecked(1)?;
        let queue: &str = row.try_get_unchecked(2)?;
        let queue = match &self.queue {
            Some(same) if same.as_str() == queue => same.clone(),
            _ => self.queue.insert(QueueName::new(queue)?).clone(),
        };
        let kind: &str = row.try_get_unchecked(8)?;
        let kind = match &self.kind {
            Some(same) if same.as_str() == kind => same.clone(),
            _ => self.kind.insert(Kind::new(kind)?).clone(),
        };
        let attempt: i16 = row.try_get_unchecked(3)?;
        let crashes: i16 = row.try_get_unchecked(4)?;
        let max_attempts: i16 = row.try_get_unchecked(10)?;
        let args: &[u8] = row.try_get_unchecked(9)?;
        let opts = Opts::read(row.try_get_unchecked(11)?)?;
        let progress: Option<&[u8]> = row.try_get_unchecked(12)?;
        let content_type = opts.content_type.as_deref().map(Into::into);
        Ok(ClaimedJob {
            id,
            kind,
            queue,
            args: Args::from_stored(Bytes::copy_from_slice(args), content_type),
            attempt: u32::try_from(attempt).unwrap_or(0) + 1,
            max_attempts: u32::try_from(max_attempts).unwrap_or(1),
            crashes: u32::try_from(crashes).unwrap_or(0),
            timeout: opts.timeout(),
            backoff: opts.backoff(),
            trace: opts.trace()?,
            progress: progress.map(Bytes::copy_from_slice),
            accepted_at: row.try_get_unchecked(7)?,
            available_at: row.try_get_unchecked(5)?,
            claimed_at: row.try_get_unchecked(6)?,
            token: LeaseToken {
                worker: self.params.worker,
                claim: self.params.claim,
                slot: u64::try_from(slot).unwrap_or(0),
            },
        })
    }
}
