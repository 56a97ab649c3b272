//! A store that fails on demand: before a call, after it (its answer is lost), or never answering.
//!
//! It stands in front of another store, so that what survives is what that store kept.

use async_trait::async_trait;
use shared::{
    clock::Timestamp,
    job::{ClaimedJob, JobDetail, JobId, JobSummary, NewJob, QueueName, name::Label},
    lease::{WorkerId, WorkerInfo, WorkerRecord},
    page::Page,
    store::{
        AppendParams, Beat, BufferStore, CancelParams, Cancelled, Capabilities, ClaimParams,
        DestinationRecord, DutyStore, ElectParams, Election, Enqueued, Entry, EntryId, Error, Fate,
        HeartbeatParams, JobStore, LeaderStore, ListParams, Note, Promoted, PruneParams, Pruned,
        PutSchedule, QueueRecord, QueueStore, Receipt, RecordTick, Replay, Replayed, RescueParams,
        Rescued, Result, RunNow, ScheduleRecord, ScheduleStore, Settle, Settled, Store, Tick,
        Wakeups, WorkStore,
    },
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is not made, and the caller is told so.
    Refused,
    /// It is made, and its answer is lost.
    AnswerLost,
    /// It is neither made nor answered.
    Silent,
}

/// A store with faults.
pub struct Faulty {
    inner: Arc<dyn Store>,
    faults: Mutex<HashMap<&'static str, Fault>>,
    /// Calls that met a fault.
    met: AtomicUsize,
}

impl Faulty {
    /// Stands in front of `inner`; no faults yet.
    pub fn new(inner: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            faults: Mutex::default(),
            met: AtomicUsize::new(0),
        })
    }

    /// From now on calls of these methods meet `fault`; `None`: they work.
    pub fn set(&self, methods: &[&'static str], fault: Option<Fault>) {
        let mut faults = self.faults.lock().unwrap();
        for method in methods {
            match fault {
                Some(fault) => faults.insert(method, fault),
                None => faults.remove(method),
            };
        }
    }

    /// How many calls met a fault so far.
    pub fn met(&self) -> usize {
        self.met.load(Ordering::SeqCst)
    }

    fn fault(&self, method: &str) -> Option<Fault> {
        let fault = self.faults.lock().unwrap().get(method).copied();
        if fault.is_some() {
            self.met.fetch_add(1, Ordering::SeqCst);
        }
        fault
    }

    async fn before(&self, method: &str) -> Result<bool> {
        match self.fault(method) {
            None => Ok(false),
            Some(Fault::AnswerLost) => Ok(true),
            Some(Fault::Refused) => Err(Error::unavailable("the store is away")),
            Some(Fault::Silent) => std::future::pending().await,
        }
    }
}

fn answer<T>(lost: bool, result: Result<T>) -> Result<T> {
    if lost {
        let source = "the answer is lost".into();
        return Err(Error::Unavailable {
            maybe_applied: true,
            source,
        });
    }
    result
}

macro_rules! role {
    ($role:ident: $($name:ident($($arg:ident: $type:ty),*) -> $out:ty;)*) => {
        #[async_trait]
        impl $role for Faulty {
            $(async fn $name(&self, $($arg: $type),*) -> Result<$out> {
                let lost = self.before(stringify!($name)).await?;
                answer(lost, self.inner.$name($($arg),*).await)
            })*
        }
    };
}

role!(JobStore:
    enqueue(jobs: Vec<NewJob>) -> Vec<Enqueued>;
    get(ids: Vec<JobId>) -> Vec<Option<JobDetail>>;
    list(params: ListParams) -> Page<JobSummary>;
    cancel(params: CancelParams) -> Vec<Cancelled>;
    run_now(ids: Vec<JobId>) -> Vec<RunNow>;
    replay(replays: Vec<Replay>) -> Vec<Replayed>;
);

role!(WorkStore:
    register(info: WorkerInfo, lease: Duration) -> WorkerId;
    claim(params: ClaimParams) -> Vec<ClaimedJob>;
    settle(items: Vec<Settle>) -> Vec<Settled>;
    heartbeat(params: HeartbeatParams) -> Beat;
    cancels(worker: WorkerId) -> Vec<(JobId, String)>;
    leave(worker: WorkerId) -> u64;
    workers() -> Vec<WorkerRecord>;
);

role!(DutyStore:
    promote(limit: usize) -> Promoted;
    rescue(params: RescueParams) -> Rescued;
    prune(params: PruneParams) -> Pruned;
);

role!(QueueStore:
    queues() -> Vec<QueueRecord>;
    set_paused(queue: QueueName, paused: bool) -> ();
);

role!(ScheduleStore:
    put_schedule(params: PutSchedule) -> ScheduleRecord;
    remove_schedule(name: Label) -> ();
    schedules() -> Vec<ScheduleRecord>;
    set_schedule_paused(name: Label, paused: bool) -> ();
    record_tick(params: RecordTick) -> Tick;
    ticks(name: Label, limit: usize) -> Vec<Tick>;
);

role!(LeaderStore:
    elect(params: ElectParams) -> Election;
    resign(role: String, candidate: String, term: u64) -> ();
    leader(role: String) -> Option<Election>;
);

role!(BufferStore:
    append(params: AppendParams) -> u64;
    peek(destination: Label, limit: usize) -> Vec<Entry>;
    resolve(destination: Label, fates: Vec<(EntryId, Fate)>) -> ();
    receipts(origin: JobId) -> Vec<Receipt>;
    destinations() -> Vec<DestinationRecord>;
    note(destination: Label, note: Note) -> ();
);

#[async_trait]
impl Store for Faulty {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn now(&self) -> Result<Timestamp> {
        let lost = self.before("now").await?;
        answer(lost, self.inner.now().await)
    }

    fn wakeups(&self) -> Wakeups {
        self.inner.wakeups()
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
