//! The store contract: what every store promises, in prose and then as role traits.
//!
//! # Rules for every method
//!
//! * **Batch is the only form**: one job is a batch of one. A call is atomic: all of it is kept or
//!   nothing, unless its doc says that items are judged one by one.
//! * **A mutating call may be repeated** with the same parameters when its answer was lost
//!   ([`Error::Unavailable`] with `maybe_applied`): the keys are made by the caller (job id,
//!   worker and claim number, tick, entry id), so the repetition changes nothing more and says so.
//! * **Only the store's clock counts.** Callers send lengths of time; where they send an instant
//!   (a `run_at`, a tick) the store compares it with its own now.
//! * **At its instant a thing has happened**: when the store's now is `t`, a job due at `t` is due,
//!   a lease or a term that ends at `t` has expired, a window is over, a retention has passed.
//! * **Fencing**: a settle or a progress report names the token of its claim. When the store no
//!   longer holds that token, nothing changes and the caller is told ([`Settled::Fenced`]).
//! * **Durable before answered**: when a call has answered, a crash of the store undoes nothing of
//!   it. The one exception is a claim, which may be lost: then the jobs are available again and
//!   the token is unknown, so the claimer is fenced. What the memory store and some Redis settings
//!   promise less is told by [`Capabilities`].
//! * **Stores keep facts, not policy.** How long to wait, how often to try, what to do with a
//!   misfire is decided above and sent as a parameter.
//! * **Cancel safety**: a dropped call has either happened or not; repeat it to find out.
//!
//! # Order
//!
//! Within one queue a lower priority number is handed out first, strictly; within one priority,
//! jobs that were never put off come in the order in which the store accepted them. Jobs that
//! were put off (due later, retried, snoozed, rescued) join where the store likes, and are never
//! starved by their peers. A job that is handed back keeps its place.
//!
//! Lists run newest first: by acceptance, where of one batch the last job is the newest, or by id
//! ([`Capabilities::list_order`]), which for the ids that one process makes is the same.
//!
//! # What is not promised
//!
//! A job runs **at least** once: a worker that is cut off after its handler's last effect and
//! before its settle is kept will see its job run again. Wake-ups are hints: they may come late,
//! twice, for nothing or not at all, and polling finds everything they would have told.

mod capabilities;
mod error;
mod hints;
mod ladder;
pub mod memory;
pub mod migrate;
mod open;
mod params;
pub mod postgres;
pub mod redis;
pub mod sqlite;
mod url;

use async_trait::async_trait;

pub use capabilities::{Capabilities, Durability, ListOrder, Wake};
pub use error::{Error, Result};
pub use hints::{Hint, Hints, Wakeups};
pub use open::open;
pub use params::*;
pub use url::{StoreUrl, redacted_url};

use crate::{
    clock::Timestamp,
    job::{ClaimedJob, JobDetail, JobId, JobSummary, NewJob, QueueName, name::Label},
    lease::{WorkerId, WorkerInfo, WorkerRecord},
    page::Page,
};

/// Jobs as producers and operators handle them.
#[async_trait]
pub trait JobStore: Send + Sync {
    /// Accepts jobs: each becomes `available`, or `scheduled` when it is due later.
    ///
    /// Atomic. Idempotent by job id. A job whose unique key is held by another job is not
    /// enqueued, and its verdict names the holder; that fails nobody else. Within one batch
    /// the first job with a key wins.
    ///
    /// # Errors
    /// [`Error::Invalid`] when [`NewJob::check`] refuses one of them: nothing is enqueued then.
    async fn enqueue(&self, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>>;

    /// Everything known about jobs, in the order asked; `None` for an id that is unknown or
    /// pruned.
    async fn get(&self, ids: Vec<JobId>) -> Result<Vec<Option<JobDetail>>>;

    /// Jobs that fit a filter, newest first, one page. A limit out of range is moved into it.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the cursor belongs to another filter.
    async fn list(&self, params: ListParams) -> Result<Page<JobSummary>>;

    /// Stops jobs. One that waits is cancelled at once; of one that runs, its worker is told by
    /// the answer to its next heartbeat, which a hint brings about at once where the store can.
    /// A running job whose stop was asked for ends as `cancelled` unless its handler completes or
    /// discards it first: what would have been a retry, a snooze, a hand-back or a rescue
    /// becomes a cancellation, and its attempt, crash and error are counted and kept as they
    /// would have been. Items are judged one by one. Idempotent; the first reason stays.
    async fn cancel(&self, params: CancelParams) -> Result<Vec<Cancelled>>;

    /// Makes jobs that wait for their time (`scheduled`, `retryable`) available now. Items are
    /// judged one by one. Idempotent: of a job that is available already it says so.
    async fn run_now(&self, ids: Vec<JobId>) -> Result<Vec<RunNow>>;

    /// Makes new runs of dead letters: a job with the id the caller made, the body of the dead
    /// letter or edited args, no attempts and no crashes. Each knows the other (`replay_of`,
    /// `replayed_as`); a dead letter is replayed once, and its new run may die and be replayed in
    /// turn. A unique key is taken as by an enqueue, except that the dead letter's own hold on it
    /// passes on. Items are judged one by one. Idempotent by the new id.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a new id is another job's, or is given to two dead letters: nothing
    /// is replayed then.
    async fn replay(&self, replays: Vec<Replay>) -> Result<Vec<Replayed>>;
}

/// Jobs as workers handle them.
#[async_trait]
pub trait WorkStore: Send + Sync {
    /// Registers one start of a worker process and gives it a lease for `lease`. The id is never
    /// given out again. Not idempotent: a repetition makes another worker, and the lost one
    /// expires. Its queues are known from now on.
    async fn register(&self, info: WorkerInfo, lease: std::time::Duration) -> Result<WorkerId>;

    /// Hands out available jobs of queues that are not paused, `available` → `running`: as many
    /// as there are, within the limits.
    ///
    /// Atomic. Idempotent by worker and claim number: a repetition answers what the first call
    /// handed out and the worker still holds. Claim numbers grow; a number below the last one
    /// used answers nothing. A number is used once it handed something out, so that a claim that
    /// finds nothing need not be kept. May be undone by a crash of the store (see the rules
    /// above).
    ///
    /// # Errors
    /// [`Error::LeaseLost`] when the worker is unknown or its lease has expired.
    async fn claim(&self, params: ClaimParams) -> Result<Vec<ClaimedJob>>;

    /// Ends attempts, as [`crate::job::outcome::Ending`] says, and keeps the progress that comes
    /// with an end, as a heartbeat would. Items are judged one by one, in
    /// order, in one durable step. Fenced; a repetition is told apart where the store still can.
    async fn settle(&self, items: Vec<Settle>) -> Result<Vec<Settled>>;

    /// Renews a worker's lease and keeps the progress of its jobs (of each job the last report
    /// wins; a report with a stale token is dropped). Answers which of its jobs somebody wants
    /// stopped. Idempotent.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] when the worker is unknown or its lease has expired. It must stop its
    /// handlers and register anew.
    async fn heartbeat(&self, params: HeartbeatParams) -> Result<Beat>;

    /// Which of a worker's running jobs somebody wants stopped, and why: what its next heartbeat
    /// will answer, without the write. For when a hint says that something may have changed.
    async fn cancels(&self, worker: WorkerId) -> Result<Vec<(JobId, String)>>;

    /// Ends a registration: whatever the worker still holds is released, as by a settle. Answers
    /// how many jobs that were. Idempotent.
    async fn leave(&self, worker: WorkerId) -> Result<u64>;

    /// The workers whose registration has not ended, oldest first.
    async fn workers(&self) -> Result<Vec<WorkerRecord>>;
}

/// What keeps jobs moving. Anybody may call these at any time; a leader does, so that they are
/// not done twice for nothing. Each is bounded by its limit and idempotent.
#[async_trait]
pub trait DutyStore: Send + Sync {
    /// Makes due jobs available (`scheduled`, `retryable` → `available`), at most `limit`, the
    /// longest due first.
    async fn promote(&self, limit: usize) -> Result<Promoted>;

    /// Takes jobs back from workers whose lease has expired. A rescued job's attempt is not
    /// counted but its crash is, an error is kept ([`crate::job::attempt::Failure::crashed`]), and
    /// it becomes `available`; if somebody asked to stop it, it is `cancelled`; else after
    /// `max_crashes` crashes it is `discarded`. A worker's registration ends with the step that
    /// leaves nothing of it.
    async fn rescue(&self, params: RescueParams) -> Result<Rescued>;

    /// Forgets jobs whose state's retention has passed since they ended, and all that hangs on
    /// them (also the receipts of their entries), at most `limit`. A dead letter's retention counts
    /// from its death, replayed or not. Also forgets expired unique windows, ticks beyond the
    /// newest hundred of their schedule unless they are held or the newest that fired, and
    /// receipts that hang on no job once the longest of the retentions has passed.
    async fn prune(&self, params: PruneParams) -> Result<Pruned>;
}

/// Queues. A queue is known once a job was accepted into it or a worker serves it, for ever.
#[async_trait]
pub trait QueueStore: Send + Sync {
    /// Every known queue, by name, with what it holds. Figures that are not exact say so.
    async fn queues(&self) -> Result<Vec<QueueRecord>>;

    /// Every known queue, by name; cheaper than [`QueueStore::queues`] where counting costs something.
    async fn queue_names(&self) -> Result<Vec<QueueName>> {
        let queues = self.queues().await?;
        Ok(queues.into_iter().map(|queue| queue.name).collect())
    }

    /// Pauses or resumes a queue: while paused, nothing of it is claimed; what runs, runs on.
    /// Idempotent; pausing again keeps the first time.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the queue is unknown.
    async fn set_paused(&self, queue: QueueName, paused: bool) -> Result<()>;
}

/// Schedules and their ticks. The definition is text that the scheduler understands; the store
/// keeps it.
#[async_trait]
pub trait ScheduleStore: Send + Sync {
    /// Keeps a definition. A new schedule's cursor is now; with `rewind`, an existing one's too.
    /// Idempotent.
    async fn put_schedule(&self, params: PutSchedule) -> Result<ScheduleRecord>;

    /// Forgets a schedule and its ticks. Its jobs stay. Idempotent.
    async fn remove_schedule(&self, name: Label) -> Result<()>;

    /// Every schedule, by name.
    async fn schedules(&self) -> Result<Vec<ScheduleRecord>>;

    /// Pauses or resumes a schedule; on resuming its cursor is now. Idempotent.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is unknown.
    async fn set_schedule_paused(&self, name: Label, paused: bool) -> Result<()>;

    /// Records what became of a tick and, when it fires, enqueues its job, in one atomic step;
    /// the schedule's cursor moves to the tick if it was before it. `(schedule, at)` is unique:
    /// when the tick is recorded already, nothing changes and the record is answered. A `Held`
    /// tick may later be recorded once more as fired or skipped.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the schedule is unknown.
    async fn record_tick(&self, params: RecordTick) -> Result<Tick>;

    /// The ticks of a schedule, newest first, at most `limit`; at least the newest hundred are
    /// kept, and whatever their age the held ones and the newest that fired: the next tick is
    /// judged by them.
    async fn ticks(&self, name: Label, limit: usize) -> Result<Vec<Tick>>;
}

/// Who does what only one may do.
#[async_trait]
pub trait LeaderStore: Send + Sync {
    /// Leads, or goes on leading, the role for `lease` if nobody else does; answers who leads.
    /// Every change of leader counts the term up, from 1. A term ends when its lease has expired
    /// or its leader resigned: who leads after that, the same candidate too, begins a new one.
    /// Idempotent.
    async fn elect(&self, params: ElectParams) -> Result<Election>;

    /// Stops leading, if the term is still the caller's, so that another may start at once.
    /// Idempotent.
    async fn resign(&self, role: String, candidate: String, term: u64) -> Result<()>;

    /// Who leads, if anybody does.
    async fn leader(&self, role: String) -> Result<Option<Election>>;
}

/// Buffers: what waits to be delivered to a destination, durably, in order.
#[async_trait]
pub trait BufferStore: Send + Sync {
    /// Adds entries to a destination's buffer. Atomic; idempotent by destination and entry id,
    /// delivered or not, as long as the receipt is kept. Answers how many wait now.
    ///
    /// # Errors
    /// [`Error::Full`] when more than `capacity` would wait: nothing is added then.
    async fn append(&self, params: AppendParams) -> Result<u64>;

    /// The oldest entries that wait, at most `limit`.
    async fn peek(&self, destination: Label, limit: usize) -> Result<Vec<Entry>>;

    /// Says what became of entries: they wait no more and a receipt is kept. Entries that do not
    /// wait are passed over. Idempotent.
    async fn resolve(&self, destination: Label, fates: Vec<(EntryId, Fate)>) -> Result<()>;

    /// What became of the entries of one origin, in the order they were added.
    async fn receipts(&self, origin: JobId) -> Result<Vec<Receipt>>;

    /// Every destination that was ever used, by name.
    async fn destinations(&self) -> Result<Vec<DestinationRecord>>;

    /// Notes something about a destination; it is known from now on. Idempotent.
    async fn note(&self, destination: Label, note: Note) -> Result<()>;
}

/// A store: all of its roles.
#[async_trait]
pub trait Store:
    JobStore + WorkStore + DutyStore + QueueStore + ScheduleStore + LeaderStore + BufferStore
{
    /// What this store can do. Code branches on this, never on a store's name.
    fn capabilities(&self) -> Capabilities;

    /// The store's clock. Answering proves that the store is reachable.
    async fn now(&self) -> Result<Timestamp>;

    /// Hints from now on.
    fn wakeups(&self) -> Wakeups;

    /// Finishes what is under way and lets go of everything. Calls made later fail.
    async fn close(&self);
}
