//! The Redis store: Redis 7 or Valkey, one server or a shard of a cluster, for any number of processes on
//! any number of machines. What differs from other stores, and why.
//!
//! # One function a call
//!
//! Every call is a function that the server runs alone and whole (`migrations/redis`, [`library`]); what is
//! larger than one may take at a time is made in steps, each of them whole. A step that takes longer
//! than a millisecond or two would keep every other user of the server waiting.
//!
//! # Numbers, rows, pages
//!
//! A job has a number, counted up as jobs are accepted, which is the order of lists. Where it stands is in
//! a row of sixty bytes at that number's place in a page; what it is made of is in its body, written once.
//! So a hundred jobs that were accepted together are handed out and settled by reading and writing a
//! few pages, and a job that has ended costs what it cost while it waited.
//!
//! # Tokens after a loss
//!
//! A server that keeps its data in memory may come back without the last of them, and count workers anew.
//! So a registration has a nonce beside its number, which is part of every token: what a worker of
//! before says is refused.
//!
//! # What a server promises
//!
//! How much survives is the server's setting; it is read at every connection and told as
//! [`Capabilities::durability`]. One that may throw keys away when its memory is full is refused.

mod address;
mod body;
mod buffer;
mod claim;
mod duty;
mod enqueue;
mod error;
mod library;
mod look;
mod operate;
mod place;
mod reply;
mod row;
mod schedule;
pub mod scratch;
mod server;
mod settle;
mod wake;
mod worker;

use async_trait::async_trait;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    AppendParams, Beat, BufferStore, CancelParams, Cancelled, Capabilities, ClaimParams,
    DestinationRecord, DutyStore, ElectParams, Election, Enqueued, Entry, EntryId, Fate,
    HeartbeatParams, Hint, JobStore, LeaderStore, ListOrder, ListParams, Note, Promoted,
    PruneParams, Pruned, PutSchedule, QueueRecord, QueueStore, Receipt, RecordTick, Replay,
    Replayed, RescueParams, Rescued, Result, RunNow, ScheduleRecord, ScheduleStore, Settle,
    Settled, Store, Tick, Wakeups, WorkStore,
};
use crate::{
    clock::{Clock, Timestamp},
    job::{ClaimedJob, JobDetail, JobId, JobSummary, NewJob, QueueName, name::Label},
    lease::{WorkerId, WorkerInfo, WorkerRecord},
    page::Page,
};
use row::Nonce;
use server::Server;
use wake::Waker;

pub use address::{Address, Wait};

/// A store on a Redis server.
#[derive(Debug)]
pub struct RedisStore {
    server: Arc<Server>,
    waker: Waker,
    /// The nonces of the workers that registered here.
    nonces: Mutex<HashMap<WorkerId, Nonce>>,
}

impl RedisStore {
    /// Goes to the server once and opens the store. The functions are given to the server by the first
    /// call that misses them.
    ///
    /// # Errors
    /// `Invalid` when the address or the server will not do, with what would; `Corrupt` when a newer
    /// program has laid out what is kept; `Unavailable` when the server cannot be reached for now.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn open(address: &Address, clock: Clock) -> Result<Arc<Self>> {
        let server = Arc::new(Server::open(address, clock).await?);
        Ok(Arc::new(Self {
            waker: Waker::new(Arc::clone(&server)),
            server,
            nonces: Mutex::default(),
        }))
    }

    fn hint(&self, hint: Hint) {
        self.waker.give(hint);
    }

    fn nonces(&self) -> MutexGuard<'_, HashMap<WorkerId, Nonce>> {
        self.nonces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, worker: WorkerId, nonce: Nonce) {
        self.nonces().insert(worker, nonce);
    }

    fn forget(&self, worker: WorkerId) {
        self.nonces().remove(&worker);
    }

    /// The nonce of a worker; empty when it registered elsewhere.
    fn nonce(&self, worker: WorkerId) -> Vec<u8> {
        let nonce = self.nonces().get(&worker).copied();
        nonce.map(Vec::from).unwrap_or_default()
    }
}

#[async_trait]
impl JobStore for RedisStore {
    async fn enqueue(&self, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>> {
        enqueue::enqueue(self, &jobs).await
    }

    async fn get(&self, ids: Vec<JobId>) -> Result<Vec<Option<JobDetail>>> {
        look::get(self, &ids).await
    }

    async fn list(&self, params: ListParams) -> Result<Page<JobSummary>> {
        look::list(self, &params).await
    }

    async fn cancel(&self, params: CancelParams) -> Result<Vec<Cancelled>> {
        operate::cancel(self, &params).await
    }

    async fn run_now(&self, ids: Vec<JobId>) -> Result<Vec<RunNow>> {
        operate::run_now(self, &ids).await
    }

    async fn replay(&self, replays: Vec<Replay>) -> Result<Vec<Replayed>> {
        operate::replay(self, &replays).await
    }
}

#[async_trait]
impl WorkStore for RedisStore {
    async fn register(&self, info: WorkerInfo, lease: Duration) -> Result<WorkerId> {
        worker::register(self, &info, lease).await
    }

    async fn claim(&self, params: ClaimParams) -> Result<Vec<ClaimedJob>> {
        claim::claim(self, &params).await
    }

    async fn settle(&self, items: Vec<Settle>) -> Result<Vec<Settled>> {
        settle::settle(self, &items).await
    }

    async fn heartbeat(&self, params: HeartbeatParams) -> Result<Beat> {
        worker::heartbeat(self, &params).await
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
impl DutyStore for RedisStore {
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
impl QueueStore for RedisStore {
    async fn queues(&self) -> Result<Vec<QueueRecord>> {
        operate::queues(self).await
    }

    async fn queue_names(&self) -> Result<Vec<QueueName>> {
        operate::queue_names(self).await
    }

    async fn set_paused(&self, queue: QueueName, paused: bool) -> Result<()> {
        operate::set_paused(self, queue, paused).await
    }
}

#[async_trait]
impl ScheduleStore for RedisStore {
    async fn put_schedule(&self, params: PutSchedule) -> Result<ScheduleRecord> {
        schedule::put(self, &params).await
    }

    async fn remove_schedule(&self, name: Label) -> Result<()> {
        schedule::remove(self, &name).await
    }

    async fn schedules(&self) -> Result<Vec<ScheduleRecord>> {
        schedule::list(self).await
    }

    async fn set_schedule_paused(&self, name: Label, paused: bool) -> Result<()> {
        schedule::set_paused(self, &name, paused).await
    }

    async fn record_tick(&self, params: RecordTick) -> Result<Tick> {
        schedule::record_tick(self, &params).await
    }

    async fn ticks(&self, name: Label, limit: usize) -> Result<Vec<Tick>> {
        schedule::ticks(self, &name, limit).await
    }
}

#[async_trait]
impl LeaderStore for RedisStore {
    async fn elect(&self, params: ElectParams) -> Result<Election> {
        schedule::elect(self, &params).await
    }

    async fn resign(&self, role: String, candidate: String, term: u64) -> Result<()> {
        schedule::resign(self, &role, &candidate, term).await
    }

    async fn leader(&self, role: String) -> Result<Option<Election>> {
        schedule::leader(self, &role).await
    }
}

#[async_trait]
impl BufferStore for RedisStore {
    async fn append(&self, params: AppendParams) -> Result<u64> {
        buffer::append(self, &params).await
    }

    async fn peek(&self, destination: Label, limit: usize) -> Result<Vec<Entry>> {
        buffer::peek(self, &destination, limit).await
    }

    async fn resolve(&self, destination: Label, fates: Vec<(EntryId, Fate)>) -> Result<()> {
        buffer::resolve(self, &destination, &fates).await
    }

    async fn receipts(&self, origin: JobId) -> Result<Vec<Receipt>> {
        buffer::receipts(self, origin).await
    }

    async fn destinations(&self) -> Result<Vec<DestinationRecord>> {
        buffer::destinations(self).await
    }

    async fn note(&self, destination: Label, note: Note) -> Result<()> {
        buffer::note(self, &destination, &note).await
    }
}

#[async_trait]
impl Store for RedisStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            name: "redis",
            durability: self.server.durability(),
            shared_by_processes: true,
            shared_by_machines: true,
            wake: self.waker.reach(),
            list_order: ListOrder::Acceptance,
            transactional_enqueue: false,
        }
    }

    async fn now(&self) -> Result<Timestamp> {
        self.server.now().await
    }

    fn wakeups(&self) -> Wakeups {
        self.waker.listen()
    }

    async fn close(&self) {
        self.waker.close().await;
        self.server.close();
    }
}
