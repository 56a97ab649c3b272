//! The Postgres store: PostgreSQL 14 and later, for any number of processes on any number of
//! machines. What differs from other stores, and why.
//!
//! # Jobs in bulk
//!
//! The law of the schema (`migrations/postgres`): no row is updated at job rate. A job that runs
//! as planned has one row of its own, its body, which is written once. It stands in a *chunk* of
//! up to 64 available jobs, in the *lease* of a batch that was claimed together, in the record of
//! a batch that was settled together. Whatever is special about a job gives it a row of its own.
//! That is an order of magnitude less to write than a row per job and state, and leaves almost
//! nothing for vacuum to clean.
//!
//! # One statement a call
//!
//! What a call changes, one statement changes, mostly one of the functions of the schema: one round
//! trip, one transaction, and nothing that a pooler between us and the server could tear apart
//! ([`database`]).
//!
//! # Wake-up
//!
//! What this process did is hinted at in the other processes within milliseconds, by `NOTIFY`
//! ([`wake`]). Where one cannot listen, behind a pooler or in an outage, workers poll.
//!
//! # In a transaction of the caller's
//!
//! Jobs may be enqueued together with whatever else is written to the same database: in Rust by
//! [`PostgresStore::enqueue_tx`], in any language by the SQL function `windlass.enqueue`.
//!
//! # Lists
//!
//! Ids are ordered by the time they were made, so lists run by id, and need no index of their own.
//! A server that follows the first may answer them ([`replica`]).

mod address;
pub mod admin;
mod buffer;
mod cancel;
mod claim;
mod connect;
mod database;
mod duty;
mod enqueue;
mod error;
mod gather;
mod leader;
mod list;
mod migrate;
mod opts;
mod queue;
mod replay;
mod replica;
mod row;
mod schedule;
mod settle;
mod stored;
mod wake;
mod worker;

use async_trait::async_trait;
use sqlx::Connection;
use std::{fmt, sync::Arc, time::Duration};

use super::{
    AppendParams, Beat, BufferStore, CancelParams, Cancelled, Capabilities, ClaimParams,
    DestinationRecord, Durability, DutyStore, ElectParams, Election, Enqueued, Entry, EntryId,
    Fate, HeartbeatParams, Hint, JobStore, LeaderStore, ListOrder, ListParams, Note, Promoted,
    PruneParams, Pruned, PutSchedule, QueueRecord, QueueStore, Receipt, RecordTick, Replay,
    Replayed, RescueParams, Rescued, Result, RunNow, ScheduleRecord, ScheduleStore, Settle,
    Settled, Store, Tick, Wakeups, WorkStore, migrate::Step,
};
use crate::{
    clock::{Clock, Timestamp},
    job::{ClaimedJob, Invalid, JobDetail, JobId, JobSummary, NewJob, QueueName, name::Label},
    lease::{WorkerId, WorkerInfo, WorkerRecord},
    page::Page,
};
use database::Database;
use replica::Replica;
use wake::Waker;

pub use address::Address;

/// The driver, of the release whose connections [`PostgresStore::enqueue_tx`] takes.
pub use sqlx;

const NOW: &str = include_str!("postgres/sql/now.sql");

/// A store on a PostgreSQL server.
pub struct PostgresStore {
    database: Database,
    replica: Option<Replica>,
    waker: Waker,
    memory: claim::Memory,
    folding: duty::Pace,
    maintaining: duty::Pace,
    gather: gather::Gather,
}

impl fmt::Debug for PostgresStore {
    /// Without what the driver was told, which prints passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Goes to the server once, brings the schema up unless it is, and opens the store. Further
    /// connections are opened as they are needed.
    ///
    /// # Errors
    /// `Invalid` when the address, the server or the user will not do, with what would; `Corrupt`
    /// when the database has a schema that this program must keep away from; `Unavailable` when
    /// the server cannot be reached for now.
    ///
    /// # Cancel safety
    /// The schema is brought up or not.
    pub async fn open(address: &Address, clock: Clock) -> Result<Arc<Self>> {
        let mut connection = connect::connect(address).await?;
        migrate::up(&mut connection, clock.set_by_hand(), false).await?;
        connection.close().await?;
        let invalid = |why| Invalid::new("store.url", why);
        let options = address.options().map_err(invalid)?;
        let listen = address.listen_options().map_err(invalid)?;
        // One of them is the listener's.
        let connections = address.pool_max() - u32::from(listen.is_some());
        let replica = address.replica_options().map_err(invalid)?;
        let replica =
            replica.map(|options| Replica::new(options, address.is_pooled(), clock.clone()));
        let database = Database::new(options, connections, address.is_pooled(), clock);
        Ok(Arc::new(Self {
            waker: Waker::new(database.clone(), listen),
            database,
            replica,
            memory: claim::Memory::default(),
            folding: duty::Pace::default(),
            maintaining: duty::Pace::default(),
            gather: gather::Gather::default(),
        }))
    }

    /// Enqueues jobs in a transaction of the caller's, on a connection to the database of this store:
    /// they are there when it commits, and never were when it does not. Isolation levels are the
    /// caller's choice.
    ///
    /// Workers are not told, for nothing is there before the commit; [`Self::committed`] tells them.
    ///
    /// A job whose unique key, or id, another open transaction has just taken waits for the end of
    /// that transaction.
    ///
    /// # Errors
    /// `Invalid` when a job is out of range: nothing was enqueued and the transaction may go on.
    /// `Unavailable` when the transaction must be made again from its beginning: it lost a race, or
    /// the server is away. Whatever the server has refused, the transaction can only be rolled back.
    ///
    /// # Cancel safety
    /// None: a transaction in which this was dropped is to be rolled back.
    pub async fn enqueue_tx(
        &self,
        connection: &mut sqlx::PgConnection,
        jobs: Vec<NewJob>,
    ) -> Result<Vec<Enqueued>> {
        enqueue::enqueue_tx(self, connection, &jobs).await
    }

    /// Says that a transaction with jobs was committed, so that workers look at once and not at
    /// their next poll. A hint: nothing is lost without it.
    pub fn committed(&self) {
        self.hint(Hint::Any);
    }

    /// The server's clock.
    async fn server_now(&self) -> Result<Timestamp> {
        let rows = self
            .database
            .read(NOW, |call| call.bind(self.database.now()));
        row::get(&database::only(rows.await?)?, 0)
    }

    fn hint(&self, hint: Hint) {
        self.waker.give(hint);
    }
}

/// See [`super::migrate::status`].
pub(super) async fn migration_status(address: &Address) -> Result<Vec<Step>> {
    let mut connection = connect::connect(address).await?;
    let steps = migrate::status(&mut connection).await?;
    connection.close().await?;
    Ok(steps)
}

/// See [`super::migrate::up`].
pub(super) async fn migrate_up(
    address: &Address,
    now: Timestamp,
    dry_run: bool,
) -> Result<Vec<Step>> {
    let mut connection = connect::connect(address).await?;
    let steps = migrate::up(&mut connection, Some(now), dry_run).await?;
    connection.close().await?;
    Ok(steps)
}

#[async_trait]
impl JobStore for PostgresStore {
    async fn enqueue(&self, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>> {
        enqueue::enqueue(self, jobs).await
    }

    async fn get(&self, ids: Vec<JobId>) -> Result<Vec<Option<JobDetail>>> {
        stored::get(self, ids).await
    }

    async fn list(&self, params: ListParams) -> Result<Page<JobSummary>> {
        list::list(self, params).await
    }

    async fn cancel(&self, params: CancelParams) -> Result<Vec<Cancelled>> {
        cancel::cancel(self, params).await
    }

    async fn run_now(&self, ids: Vec<JobId>) -> Result<Vec<RunNow>> {
        cancel::run_now(self, ids).await
    }

    async fn replay(&self, replays: Vec<Replay>) -> Result<Vec<Replayed>> {
        replay::replay(self, replays).await
    }
}

#[async_trait]
impl WorkStore for PostgresStore {
    async fn register(&self, info: WorkerInfo, lease: Duration) -> Result<WorkerId> {
        worker::register(self, info, lease).await
    }

    async fn claim(&self, params: ClaimParams) -> Result<Vec<ClaimedJob>> {
        claim::claim(self, params).await
    }

    async fn settle(&self, items: Vec<Settle>) -> Result<Vec<Settled>> {
        settle::settle(self, items).await
    }

    async fn heartbeat(&self, params: HeartbeatParams) -> Result<Beat> {
        worker::heartbeat(self, params).await
    }

    async fn cancels(&self, worker: WorkerId) -> Result<Vec<(JobId, String)>> {
        worker::cancels(self, worker).await
    }

    async fn leave(&self, worker: WorkerId) -> Result<u64> {
        worker::leave(self, worker).await
    }

    async fn workers(&self) -> Result<Vec<WorkerRecord>> {
        worker::list(self).await
    }
}

#[async_trait]
impl DutyStore for PostgresStore {
    async fn promote(&self, limit: usize) -> Result<Promoted> {
        duty::promote(self, limit).await
    }

    async fn rescue(&self, params: RescueParams) -> Result<Rescued> {
        duty::rescue(self, params).await
    }

    async fn prune(&self, params: PruneParams) -> Result<Pruned> {
        duty::prune(self, params).await
    }
}

#[async_trait]
impl QueueStore for PostgresStore {
    async fn queues(&self) -> Result<Vec<QueueRecord>> {
        queue::list(self).await
    }

    async fn queue_names(&self) -> Result<Vec<QueueName>> {
        queue::names(self).await
    }

    async fn set_paused(&self, queue: QueueName, paused: bool) -> Result<()> {
        queue::set_paused(self, queue, paused).await
    }
}

#[async_trait]
impl ScheduleStore for PostgresStore {
    async fn put_schedule(&self, params: PutSchedule) -> Result<ScheduleRecord> {
        schedule::put(&self.database, params).await
    }

    async fn remove_schedule(&self, name: Label) -> Result<()> {
        schedule::remove(&self.database, name).await
    }

    async fn schedules(&self) -> Result<Vec<ScheduleRecord>> {
        schedule::list(&self.database).await
    }

    async fn set_schedule_paused(&self, name: Label, paused: bool) -> Result<()> {
        schedule::set_paused(&self.database, name, paused).await
    }

    async fn record_tick(&self, params: RecordTick) -> Result<Tick> {
        schedule::record_tick(self, params).await
    }

    async fn ticks(&self, name: Label, limit: usize) -> Result<Vec<Tick>> {
        schedule::ticks(&self.database, name, limit).await
    }
}

#[async_trait]
impl LeaderStore for PostgresStore {
    async fn elect(&self, params: ElectParams) -> Result<Election> {
        leader::elect(&self.database, params).await
    }

    async fn resign(&self, role: String, candidate: String, term: u64) -> Result<()> {
        leader::resign(&self.database, role, candidate, term).await
    }

    async fn leader(&self, role: String) -> Result<Option<Election>> {
        leader::leader(&self.database, role).await
    }
}

#[async_trait]
impl BufferStore for PostgresStore {
    async fn append(&self, params: AppendParams) -> Result<u64> {
        buffer::append(&self.database, params).await
    }

    async fn peek(&self, destination: Label, limit: usize) -> Result<Vec<Entry>> {
        buffer::peek(&self.database, destination, limit).await
    }

    async fn resolve(&self, destination: Label, fates: Vec<(EntryId, Fate)>) -> Result<()> {
        buffer::resolve(&self.database, destination, fates).await
    }

    async fn receipts(&self, origin: JobId) -> Result<Vec<Receipt>> {
        buffer::receipts(&self.database, origin).await
    }

    async fn destinations(&self) -> Result<Vec<DestinationRecord>> {
        buffer::destinations(&self.database).await
    }

    async fn note(&self, destination: Label, note: Note) -> Result<()> {
        buffer::note(&self.database, destination, note).await
    }
}

#[async_trait]
impl Store for PostgresStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            name: "postgres",
            durability: Durability::Disk,
            shared_by_processes: true,
            shared_by_machines: true,
            wake: self.waker.reach(),
            list_order: ListOrder::Id,
            transactional_enqueue: true,
        }
    }

    async fn now(&self) -> Result<Timestamp> {
        self.server_now().await
    }

    fn wakeups(&self) -> Wakeups {
        self.waker.listen()
    }

    async fn close(&self) {
        self.waker.close().await;
        self.database.close().await;
        if let Some(replica) = &self.replica {
            replica.close().await;
        }
    }
}
