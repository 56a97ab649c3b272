//! The SQLite store: one file, one writer, readers beside it. What differs from other stores, and
//! why.
//!
//! # One writer
//!
//! SQLite lets one connection write at a time, so the store has one, on a thread of its own
//! ([`writer`]): it gathers what all tasks want to write and commits it together. A commit waits
//! for the disk (`synchronous = full`), so what was answered survives a power cut. Reads run
//! beside it on connections of their own ([`readers`]).
//!
//! The driver is `rusqlite`, not `sqlx`, which serves the stores behind a network: on the same
//! machine, schema and batches (2 cores, 100,000 jobs, enqueued by 1000, claimed and settled by
//! 256) `sqlx` 0.9 did 3,700 jobs per second row by row, because every statement is a message
//! between threads, and `rusqlite` 205,000.
//!
//! # Rows that move
//!
//! A job's body is written once. Where it stands is told by the one narrow table that has a row
//! for it (`ready`, `lease`, `scheduled`, `finished`, `ended`), so that every state has its list
//! and no index mentions states; `migrations/sqlite` explains each table. Queue counters are
//! deltas kept in memory during a transaction and written once in it, so they are exact and cost
//! nothing per job. A token's slot is the job's place (`seq`), so a settle searches for nothing.
//!
//! # Several processes
//!
//! Any number may open one file on one machine: SQLite's locks keep them apart, and each looks
//! every few milliseconds whether another has written and hints at it. Not on network file
//! systems, whose locks do not hold.

mod buffer;
mod cancel;
mod claim;
mod complete;
mod connection;
mod enqueue;
mod error;
mod flags;
mod held;
mod leader;
mod list;
mod migrate;
mod promote;
mod prune;
mod queue;
mod readers;
mod replay;
mod rescue;
mod row;
mod schedule;
mod settle;
mod stored;
#[cfg(test)]
mod tests;
mod worker;
mod writer;

use async_trait::async_trait;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{
    AppendParams, Beat, BufferStore, CancelParams, Cancelled, Capabilities, ClaimParams,
    DestinationRecord, Durability, DutyStore, ElectParams, Election, Enqueued, Entry, EntryId,
    Error, Fate, HeartbeatParams, Hints, JobStore, LeaderStore, ListOrder, ListParams, Note,
    Promoted, PruneParams, Pruned, PutSchedule, QueueRecord, QueueStore, Receipt, RecordTick,
    Replay, Replayed, RescueParams, Rescued, Result, RunNow, ScheduleRecord, ScheduleStore, Settle,
    Settled, Store, Tick, Wake, Wakeups, WorkStore, migrate::Step,
};
use crate::{
    clock::{Clock, Timestamp},
    job::{ClaimedJob, JobDetail, JobId, JobSummary, NewJob, QueueName, name::Label},
    lease::{WorkerId, WorkerInfo, WorkerRecord},
    page::Page,
};
use readers::Readers;
use writer::Writer;

/// A store in a file.
#[derive(Debug)]
pub struct SqliteStore {
    writer: Writer,
    readers: Readers,
    hints: Hints,
    clock: Clock,
}

impl SqliteStore {
    /// Opens the file, makes it when there is none, and brings its schema up. Blocks for as long
    /// as the disk takes.
    ///
    /// # Errors
    /// `Invalid` when the path will not do, with what would; `Corrupt` when the file is damaged or
    /// of a version that this program must keep away from; `Unavailable` when another process
    /// keeps it locked.
    pub fn open(path: impl Into<PathBuf>, clock: Clock) -> Result<Arc<Self>> {
        let path = path.into();
        let connection = connection::writer(&path)?;
        migrate::up(&connection, clock.now(), false)?;
        let hints = Hints::default();
        Ok(Arc::new(Self {
            writer: Writer::start(connection, clock.clone(), hints.clone())?,
            readers: Readers::new(path),
            hints,
            clock,
        }))
    }
}

/// Runs what blocks away from the async threads.
pub(super) async fn blocking<R: Send + 'static>(
    run: impl FnOnce() -> Result<R> + Send + 'static,
) -> Result<R> {
    match tokio::task::spawn_blocking(run).await {
        Ok(answer) => answer,
        Err(cause) => Err(Error::unavailable(cause)),
    }
}

/// See [`super::migrate::status`].
pub(super) fn migration_status(path: &Path) -> Result<Vec<Step>> {
    if !path.exists() {
        return Ok(migrate::nothing_applied());
    }
    migrate::status(&connection::reader(path)?)
}

/// See [`super::migrate::up`].
pub(super) fn migrate_up(path: &Path, now: Timestamp, dry_run: bool) -> Result<Vec<Step>> {
    if dry_run && !path.exists() {
        return Ok(migrate::nothing_applied());
    }
    migrate::up(&connection::writer(path)?, now, dry_run)
}

#[async_trait]
impl JobStore for SqliteStore {
    async fn enqueue(&self, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>> {
        self.writer
            .call(jobs, |turn, jobs| enqueue::apply(turn, jobs))
            .await
    }

    async fn get(&self, ids: Vec<JobId>) -> Result<Vec<Option<JobDetail>>> {
        self.readers.call(move |c| stored::get(c, &ids)).await
    }

    async fn list(&self, params: ListParams) -> Result<Page<JobSummary>> {
        self.readers.call(move |c| list::list(c, &params)).await
    }

    async fn cancel(&self, params: CancelParams) -> Result<Vec<Cancelled>> {
        self.writer.call(params, cancel::apply).await
    }

    async fn run_now(&self, ids: Vec<JobId>) -> Result<Vec<RunNow>> {
        self.writer
            .call(ids, |turn, ids| cancel::run_now(turn, ids))
            .await
    }

    async fn replay(&self, replays: Vec<Replay>) -> Result<Vec<Replayed>> {
        self.writer
            .call(replays, |turn, replays| replay::apply(turn, replays))
            .await
    }
}

#[async_trait]
impl WorkStore for SqliteStore {
    async fn register(&self, info: WorkerInfo, lease: Duration) -> Result<WorkerId> {
        self.writer.call((info, lease), worker::register).await
    }

    async fn claim(&self, params: ClaimParams) -> Result<Vec<ClaimedJob>> {
        self.writer.call_if(params, claim::look, claim::apply).await
    }

    async fn settle(&self, items: Vec<Settle>) -> Result<Vec<Settled>> {
        self.writer
            .call(items, |turn, items| settle::apply(turn, items))
            .await
    }

    async fn heartbeat(&self, params: HeartbeatParams) -> Result<Beat> {
        self.writer.call(params, worker::heartbeat).await
    }

    async fn cancels(&self, worker: WorkerId) -> Result<Vec<(JobId, String)>> {
        self.readers.call(move |c| worker::cancels(c, worker)).await
    }

    async fn leave(&self, worker: WorkerId) -> Result<u64> {
        self.writer
            .call(worker, |turn, worker| worker::leave(turn, *worker))
            .await
    }

    async fn workers(&self) -> Result<Vec<WorkerRecord>> {
        self.readers.call(worker::list).await
    }
}

#[async_trait]
impl DutyStore for SqliteStore {
    async fn promote(&self, limit: usize) -> Result<Promoted> {
        self.writer
            .call_if(
                limit,
                |turn, limit| promote::look(turn, *limit),
                |turn, limit| promote::apply(turn, *limit),
            )
            .await
    }

    async fn rescue(&self, params: RescueParams) -> Result<Rescued> {
        self.writer
            .call_if(params, rescue::look, rescue::apply)
            .await
    }

    async fn prune(&self, params: PruneParams) -> Result<Pruned> {
        self.writer.call_if(params, prune::look, prune::apply).await
    }
}

#[async_trait]
impl QueueStore for SqliteStore {
    async fn queues(&self) -> Result<Vec<QueueRecord>> {
        self.readers.call(queue::list).await
    }

    async fn set_paused(&self, queue: QueueName, paused: bool) -> Result<()> {
        self.writer.call((queue, paused), queue::set_paused).await
    }
}

#[async_trait]
impl ScheduleStore for SqliteStore {
    async fn put_schedule(&self, params: PutSchedule) -> Result<ScheduleRecord> {
        self.writer.call(params, schedule::put).await
    }

    async fn remove_schedule(&self, name: Label) -> Result<()> {
        self.writer.call(name, schedule::remove).await
    }

    async fn schedules(&self) -> Result<Vec<ScheduleRecord>> {
        self.readers.call(schedule::list).await
    }

    async fn set_schedule_paused(&self, name: Label, paused: bool) -> Result<()> {
        self.writer.call((name, paused), schedule::set_paused).await
    }

    async fn record_tick(&self, params: RecordTick) -> Result<Tick> {
        self.writer.call(params, schedule::record_tick).await
    }

    async fn ticks(&self, name: Label, limit: usize) -> Result<Vec<Tick>> {
        self.readers
            .call(move |c| schedule::ticks(c, &name, limit))
            .await
    }
}

#[async_trait]
impl LeaderStore for SqliteStore {
    async fn elect(&self, params: ElectParams) -> Result<Election> {
        self.writer
            .call_if(params, leader::look, leader::elect)
            .await
    }

    async fn resign(&self, role: String, candidate: String, term: u64) -> Result<()> {
        self.writer
            .call((role, candidate, term), leader::resign)
            .await
    }

    async fn leader(&self, role: String) -> Result<Option<Election>> {
        let clock = self.clock.clone();
        self.readers
            .call(move |c| leader::leader(c, &role, clock.now()))
            .await
    }
}

#[async_trait]
impl BufferStore for SqliteStore {
    async fn append(&self, params: AppendParams) -> Result<u64> {
        self.writer.call(params, buffer::append).await
    }

    async fn peek(&self, destination: Label, limit: usize) -> Result<Vec<Entry>> {
        self.readers
            .call(move |c| buffer::peek(c, &destination, limit))
            .await
    }

    async fn resolve(&self, destination: Label, fates: Vec<(EntryId, Fate)>) -> Result<()> {
        self.writer
            .call((destination, fates), buffer::resolve)
            .await
    }

    async fn receipts(&self, origin: JobId) -> Result<Vec<Receipt>> {
        self.readers
            .call(move |c| buffer::receipts(c, origin))
            .await
    }

    async fn destinations(&self) -> Result<Vec<DestinationRecord>> {
        self.readers.call(buffer::destinations).await
    }

    async fn note(&self, destination: Label, note: Note) -> Result<()> {
        self.writer.call((destination, note), buffer::note).await
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            name: "sqlite",
            durability: Durability::Disk,
            shared_by_processes: true,
            shared_by_machines: false,
            wake: Wake::Everywhere,
            list_order: ListOrder::Acceptance,
            transactional_enqueue: false,
        }
    }

    async fn now(&self) -> Result<Timestamp> {
        let clock = self.clock.clone();
        self.readers
            .call(move |connection| {
                connection.query_row("select count(*) from sqlite_schema", (), |_| Ok(()))?;
                Ok(clock.now())
            })
            .await
    }

    fn wakeups(&self) -> Wakeups {
        self.hints.listen()
    }

    async fn close(&self) {
        // The last connection to a file tidies its log away; that is the writer's.
        self.readers.close().await;
        self.writer.close().await;
    }
}
