//! A store as telemetry sees it: what goes through it is told, and nothing else is different.

use async_trait::async_trait;
use std::{sync::Arc, time::Duration};

use super::traces::{Recording, jobs};
use crate::{
    clock::Timestamp,
    job::{ClaimedJob, JobDetail, JobId, JobSummary, NewJob, QueueName, name::Label},
    lease::{WorkerId, WorkerInfo, WorkerRecord},
    page::Page,
    store::{
        AppendParams, Beat, BufferStore, CancelParams, Cancelled, Capabilities, ClaimParams,
        DestinationRecord, DutyStore, ElectParams, Election, Enqueued, Entry, EntryId, Fate,
        HeartbeatParams, JobStore, LeaderStore, ListParams, Note, Promoted, PruneParams, Pruned,
        PutSchedule, QueueRecord, QueueStore, Receipt, RecordTick, Replay, Replayed, RescueParams,
        Rescued, Result, RunNow, ScheduleRecord, ScheduleStore, Settle, Settled, Store, Tick,
        Wakeups, WorkStore,
    },
};

/// Of dead letters that are replayed together, so many are recorded one by one.
const MOST_REPLAYS: usize = 10;

/// The store, observed.
pub fn observed(store: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Observed { store })
}

struct Observed {
    store: Arc<dyn Store>,
}

impl Observed {
    /// Begins the spans of replays. What they replay is looked up only for those.
    async fn replays(&self, replays: &mut [Replay]) -> Vec<Recording> {
        let few = replays.iter_mut().take(MOST_REPLAYS);
        let begun: Vec<(JobId, Recording)> = few
            .filter_map(|replay| Some((replay.dead, jobs::replay(replay)?)))
            .collect();
        if begun.is_empty() {
            return Vec::new();
        }
        let ids = begun.iter().map(|(dead, _)| *dead).collect();
        let dead = self.store.get(ids).await.unwrap_or_default();
        let mut spans: Vec<Recording> = begun.into_iter().map(|(_, span)| span).collect();
        for (span, dead) in spans.iter_mut().zip(&dead) {
            if let Some(dead) = dead {
                jobs::of_dead_letter(span, dead);
            }
        }
        spans
    }
}

/// Says that a call failed, if it did.
fn failed<T>(span: Option<&mut Recording>, answer: &Result<T>) {
    if let (Some(span), Err(error)) = (span, answer) {
        span.fail(error.word(), &error.to_string());
    }
}

#[async_trait]
impl JobStore for Observed {
    async fn enqueue(&self, mut jobs: Vec<NewJob>) -> Result<Vec<Enqueued>> {
        let mut span = jobs::send(&mut jobs);
        let enqueued = self.store.enqueue(jobs).await;
        failed(span.as_mut(), &enqueued);
        enqueued
    }

    async fn get(&self, ids: Vec<JobId>) -> Result<Vec<Option<JobDetail>>> {
        self.store.get(ids).await
    }

    async fn list(&self, params: ListParams) -> Result<Page<JobSummary>> {
        self.store.list(params).await
    }

    async fn cancel(&self, params: CancelParams) -> Result<Vec<Cancelled>> {
        self.store.cancel(params).await
    }

    async fn run_now(&self, ids: Vec<JobId>) -> Result<Vec<RunNow>> {
        self.store.run_now(ids).await
    }

    async fn replay(&self, mut replays: Vec<Replay>) -> Result<Vec<Replayed>> {
        let mut spans = self.replays(&mut replays).await;
        let replayed = self.store.replay(replays).await;
        for span in &mut spans {
            failed(Some(span), &replayed);
        }
        replayed
    }
}

#[async_trait]
impl WorkStore for Observed {
    async fn register(&self, info: WorkerInfo, lease: Duration) -> Result<WorkerId> {
        self.store.register(info, lease).await
    }

    async fn claim(&self, params: ClaimParams) -> Result<Vec<ClaimedJob>> {
        self.store.claim(params).await
    }

    async fn settle(&self, items: Vec<Settle>) -> Result<Vec<Settled>> {
        self.store.settle(items).await
    }

    async fn heartbeat(&self, params: HeartbeatParams) -> Result<Beat> {
        self.store.heartbeat(params).await
    }

    async fn cancels(&self, worker: WorkerId) -> Result<Vec<(JobId, String)>> {
        self.store.cancels(worker).await
    }

    async fn leave(&self, worker: WorkerId) -> Result<u64> {
        self.store.leave(worker).await
    }

    async fn workers(&self) -> Result<Vec<WorkerRecord>> {
        self.store.workers().await
    }
}

#[async_trait]
impl DutyStore for Observed {
    async fn promote(&self, limit: usize) -> Result<Promoted> {
        self.store.promote(limit).await
    }

    async fn rescue(&self, params: RescueParams) -> Result<Rescued> {
        self.store.rescue(params).await
    }

    async fn prune(&self, params: PruneParams) -> Result<Pruned> {
        self.store.prune(params).await
    }
}

#[async_trait]
impl QueueStore for Observed {
    async fn queues(&self) -> Result<Vec<QueueRecord>> {
        self.store.queues().await
    }

    async fn set_paused(&self, queue: QueueName, paused: bool) -> Result<()> {
        self.store.set_paused(queue, paused).await
    }
}

#[async_trait]
impl ScheduleStore for Observed {
    async fn put_schedule(&self, params: PutSchedule) -> Result<ScheduleRecord> {
        self.store.put_schedule(params).await
    }

    async fn remove_schedule(&self, name: Label) -> Result<()> {
        self.store.remove_schedule(name).await
    }

    async fn schedules(&self) -> Result<Vec<ScheduleRecord>> {
        self.store.schedules().await
    }

    async fn set_schedule_paused(&self, name: Label, paused: bool) -> Result<()> {
        self.store.set_schedule_paused(name, paused).await
    }

    async fn record_tick(&self, mut params: RecordTick) -> Result<Tick> {
        let mut spans = jobs::tick(&mut params);
        let recorded = self.store.record_tick(params).await;
        failed(spans.as_mut().map(|(tick, _)| tick), &recorded);
        recorded
    }

    async fn ticks(&self, name: Label, limit: usize) -> Result<Vec<Tick>> {
        self.store.ticks(name, limit).await
    }
}

#[async_trait]
impl LeaderStore for Observed {
    async fn elect(&self, params: ElectParams) -> Result<Election> {
        self.store.elect(params).await
    }

    async fn resign(&self, role: String, candidate: String, term: u64) -> Result<()> {
        self.store.resign(role, candidate, term).await
    }

    async fn leader(&self, role: String) -> Result<Option<Election>> {
        self.store.leader(role).await
    }
}

#[async_trait]
impl BufferStore for Observed {
    async fn append(&self, params: AppendParams) -> Result<u64> {
        self.store.append(params).await
    }

    async fn peek(&self, destination: Label, limit: usize) -> Result<Vec<Entry>> {
        self.store.peek(destination, limit).await
    }

    async fn resolve(&self, destination: Label, fates: Vec<(EntryId, Fate)>) -> Result<()> {
        self.store.resolve(destination, fates).await
    }

    async fn receipts(&self, origin: JobId) -> Result<Vec<Receipt>> {
        self.store.receipts(origin).await
    }

    async fn destinations(&self) -> Result<Vec<DestinationRecord>> {
        self.store.destinations().await
    }

    async fn note(&self, destination: Label, note: Note) -> Result<()> {
        self.store.note(destination, note).await
    }
}

#[async_trait]
impl Store for Observed {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn now(&self) -> Result<Timestamp> {
        self.store.now().await
    }

    fn wakeups(&self) -> Wakeups {
        self.store.wakeups()
    }

    async fn close(&self) {
        self.store.close().await;
    }
}
