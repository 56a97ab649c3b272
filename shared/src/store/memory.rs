//! The memory store: plain maps behind one lock, gone with the process.
//!
//! It does what the contract says in the plainest way that is still fast. Unit tests run on it,
//! and randomised histories are run on every other store in lockstep with it (see
//! [`MemoryStore::claim_chosen`]), so it is written to be read: all that is kept lies in
//! [`Tables`], one file per situation says what happens to it, and a job changes its state in one
//! place only, [`index::Index::move_to`].
//!
//! **Invariant:** the lock is held for the whole of a call and never across an await, so calls
//! happen one after the other, each at one instant of the clock.

mod buffer;
mod cancel;
mod claim;
mod enqueue;
mod hash;
mod index;
mod job;
mod jobs;
mod leader;
mod lease;
mod oracle;
mod promote;
mod prune;
mod queue;
mod rescue;
mod schedule;
mod search;
mod settle;
mod unique;

use async_trait::async_trait;
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::{
    AppendParams, Beat, BufferStore, CancelParams, Cancelled, Capabilities, ClaimParams,
    DestinationRecord, Durability, DutyStore, ElectParams, Election, Enqueued, Entry, EntryId,
    Error, Fate, HeartbeatParams, Hints, JobStore, LeaderStore, ListOrder, ListParams, Note,
    Promoted, PruneParams, Pruned, PutSchedule, QueueRecord, QueueStore, Receipt, RecordTick,
    Replay, Replayed, RescueParams, Rescued, Result, RunNow, ScheduleRecord, ScheduleStore, Settle,
    Settled, Store, Tick, Wake, Wakeups, WorkStore,
};
use crate::{
    clock::{Clock, Timestamp},
    job::{ClaimedJob, JobDetail, JobId, JobSummary, NewJob, QueueName, name::Label},
    lease::{WorkerId, WorkerInfo, WorkerRecord},
    page::Page,
};

/// Everything that is kept.
#[derive(Debug, Default)]
struct Tables {
    jobs: jobs::Jobs,
    index: index::Index,
    workers: lease::Workers,
    schedules: BTreeMap<Label, schedule::Schedule>,
    terms: BTreeMap<String, leader::Term>,
    buffers: buffer::Buffers,
}

/// A store in this process's memory.
#[derive(Debug)]
pub struct MemoryStore {
    clock: Clock,
    hints: Hints,
    /// `None` once the store is closed.
    tables: Mutex<Option<Tables>>,
}

impl Default for MemoryStore {
    /// An empty store that reads the machine's clock.
    fn default() -> Self {
        Self::new(Clock::system())
    }
}

impl MemoryStore {
    /// An empty store that reads `clock`.
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            hints: Hints::default(),
            tables: Mutex::new(Some(Tables::default())),
        }
    }

    /// Runs one call under the lock, then tells the listeners what it changed.
    ///
    /// A lock that somebody panicked under is taken all the same: nothing but this module runs
    /// under it, so that would be a fault in here, and to stop every other task of the process
    /// for it would help nobody.
    fn on<T>(&self, call: impl FnOnce(&mut Tables, Timestamp) -> Result<T>) -> Result<T> {
        let (answer, hints) = {
            let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(tables) = tables.as_mut() else {
                return Err(Error::unavailable("the store is closed"));
            };
            let answer = call(tables, self.clock.now());
            (answer, tables.index.take_hints())
        };
        for hint in hints {
            self.hints.give(hint);
        }
        answer
    }
}

#[async_trait]
impl JobStore for MemoryStore {
    async fn enqueue(&self, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>> {
        self.on(|tables, now| tables.enqueue(jobs, now))
    }

    async fn get(&self, ids: Vec<JobId>) -> Result<Vec<Option<JobDetail>>> {
        self.on(|tables, _| Ok(tables.details(&ids)))
    }

    async fn list(&self, params: ListParams) -> Result<Page<JobSummary>> {
        self.on(|tables, _| tables.list(&params))
    }

    async fn cancel(&self, params: CancelParams) -> Result<Vec<Cancelled>> {
        self.on(|tables, now| Ok(tables.cancel(&params, now)))
    }

    async fn run_now(&self, ids: Vec<JobId>) -> Result<Vec<RunNow>> {
        self.on(|tables, now| Ok(tables.run_now(&ids, now)))
    }

    async fn replay(&self, replays: Vec<Replay>) -> Result<Vec<Replayed>> {
        self.on(|tables, now| tables.replay(replays, now))
    }
}

#[async_trait]
impl WorkStore for MemoryStore {
    async fn register(&self, info: WorkerInfo, lease: Duration) -> Result<WorkerId> {
        self.on(|tables, now| Ok(tables.register(info, lease, now)))
    }

    async fn claim(&self, params: ClaimParams) -> Result<Vec<ClaimedJob>> {
        self.on(|tables, now| tables.claim(&params, now))
    }

    async fn settle(&self, items: Vec<Settle>) -> Result<Vec<Settled>> {
        self.on(|tables, now| Ok(tables.settle(items, now)))
    }

    async fn heartbeat(&self, params: HeartbeatParams) -> Result<Beat> {
        self.on(|tables, now| tables.heartbeat(params, now))
    }

    async fn cancels(&self, worker: WorkerId) -> Result<Vec<(JobId, String)>> {
        self.on(|tables, _| Ok(tables.cancels(worker)))
    }

    async fn leave(&self, worker: WorkerId) -> Result<u64> {
        self.on(|tables, now| Ok(tables.leave(worker, now)))
    }

    async fn workers(&self) -> Result<Vec<WorkerRecord>> {
        self.on(|tables, _| Ok(tables.list_workers()))
    }
}

#[async_trait]
impl DutyStore for MemoryStore {
    async fn promote(&self, limit: usize) -> Result<Promoted> {
        self.on(|tables, now| Ok(tables.promote(limit, now)))
    }

    async fn rescue(&self, params: RescueParams) -> Result<Rescued> {
        self.on(|tables, now| Ok(tables.rescue(params, now)))
    }

    async fn prune(&self, params: PruneParams) -> Result<Pruned> {
        self.on(|tables, now| Ok(tables.prune(params, now)))
    }
}

#[async_trait]
impl QueueStore for MemoryStore {
    async fn queues(&self) -> Result<Vec<QueueRecord>> {
        self.on(|tables, _| Ok(tables.list_queues()))
    }

    async fn set_paused(&self, queue: QueueName, paused: bool) -> Result<()> {
        self.on(|tables, now| tables.set_paused(&queue, paused, now))
    }
}

#[async_trait]
impl ScheduleStore for MemoryStore {
    async fn put_schedule(&self, params: PutSchedule) -> Result<ScheduleRecord> {
        self.on(|tables, now| Ok(tables.put_schedule(params, now)))
    }

    async fn remove_schedule(&self, name: Label) -> Result<()> {
        self.on(|tables, _| {
            tables.schedules.remove(&name);
            Ok(())
        })
    }

    async fn schedules(&self) -> Result<Vec<ScheduleRecord>> {
        self.on(|tables, _| Ok(tables.list_schedules()))
    }

    async fn set_schedule_paused(&self, name: Label, paused: bool) -> Result<()> {
        self.on(|tables, now| tables.set_schedule_paused(&name, paused, now))
    }

    async fn record_tick(&self, params: RecordTick) -> Result<Tick> {
        self.on(|tables, now| tables.record_tick(params, now))
    }

    async fn ticks(&self, name: Label, limit: usize) -> Result<Vec<Tick>> {
        self.on(|tables, _| Ok(tables.ticks(&name, limit)))
    }
}

#[async_trait]
impl LeaderStore for MemoryStore {
    async fn elect(&self, params: ElectParams) -> Result<Election> {
        self.on(|tables, now| Ok(tables.elect(params, now)))
    }

    async fn resign(&self, role: String, candidate: String, term: u64) -> Result<()> {
        self.on(|tables, now| {
            tables.resign(&role, &candidate, term, now);
            Ok(())
        })
    }

    async fn leader(&self, role: String) -> Result<Option<Election>> {
        self.on(|tables, now| Ok(tables.leader(&role, now)))
    }
}

#[async_trait]
impl BufferStore for MemoryStore {
    async fn append(&self, params: AppendParams) -> Result<u64> {
        self.on(|tables, now| tables.append(params, now))
    }

    async fn peek(&self, destination: Label, limit: usize) -> Result<Vec<Entry>> {
        self.on(|tables, _| Ok(tables.peek(&destination, limit)))
    }

    async fn resolve(&self, destination: Label, fates: Vec<(EntryId, Fate)>) -> Result<()> {
        self.on(|tables, now| {
            tables.resolve(&destination, fates, now);
            Ok(())
        })
    }

    async fn receipts(&self, origin: JobId) -> Result<Vec<Receipt>> {
        self.on(|tables, _| Ok(tables.receipts(origin)))
    }

    async fn destinations(&self) -> Result<Vec<DestinationRecord>> {
        self.on(|tables, _| Ok(tables.list_destinations()))
    }

    async fn note(&self, destination: Label, note: Note) -> Result<()> {
        self.on(|tables, now| {
            tables.note(destination, note, now);
            Ok(())
        })
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            name: "memory",
            durability: Durability::None,
            shared_by_processes: false,
            shared_by_machines: false,
            wake: Wake::Local,
            list_order: ListOrder::Acceptance,
            transactional_enqueue: false,
        }
    }

    async fn now(&self) -> Result<Timestamp> {
        self.on(|_, now| Ok(now))
    }

    fn wakeups(&self) -> Wakeups {
        self.hints.listen()
    }

    async fn close(&self) {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        *tables = None;
    }
}
