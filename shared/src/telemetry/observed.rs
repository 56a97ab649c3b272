//! A store as telemetry sees it: what goes through it is told, and nothing else is different.

use async_trait::async_trait;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    metrics::metrics,
    traces::{Recording, jobs},
};
use crate::{
    clock::{Clock, Timestamp},
    job::{ClaimedJob, JobDetail, JobId, JobSummary, NewJob, QueueName, name::Label},
    lease::{WorkerId, WorkerInfo, WorkerRecord},
    page::Page,
    store::{
        AppendParams, Beat, BufferStore, CancelParams, Cancelled, Capabilities, ClaimParams,
        DestinationRecord, DutyStore, ElectParams, Election, Enqueued, Entry, EntryId, Error, Fate,
        HeartbeatParams, JobStore, LeaderStore, ListParams, Note, Promoted, PruneParams, Pruned,
        PutSchedule, QueueRecord, QueueStore, Receipt, RecordTick, Replay, Replayed, RescueParams,
        Rescued, Result, RunNow, ScheduleRecord, ScheduleStore, Settle, Settled, Store, Tick,
        TickDecision, Wakeups, WorkStore,
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

/// Counts and times a call.
async fn told<T>(call: &'static str, answer: impl Future<Output = Result<T>>) -> Result<T> {
    let began = Instant::now();
    let answer = answer.await;
    let error = answer.as_ref().err().map(Error::word);
    metrics().called(call, began.elapsed(), error);
    answer
}

fn decision(decision: &TickDecision) -> &'static str {
    match decision {
        TickDecision::Fire(_) => "fired",
        TickDecision::Hold => "held",
        TickDecision::Skip(_) => "skipped",
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
        let names: Vec<_> = jobs
            .iter()
            .map(|job| (job.queue.clone(), job.kind.clone()))
            .collect();
        let enqueued = told("enqueue", self.store.enqueue(jobs)).await;
        for ((queue, kind), verdict) in names.iter().zip(enqueued.iter().flatten()) {
            if matches!(verdict, Enqueued::New(_)) {
                metrics().of(queue, kind).enqueued.inc();
            }
        }
        failed(span.as_mut(), &enqueued);
        enqueued
    }

    async fn get(&self, ids: Vec<JobId>) -> Result<Vec<Option<JobDetail>>> {
        told("get", self.store.get(ids)).await
    }

    async fn list(&self, params: ListParams) -> Result<Page<JobSummary>> {
        told("list", self.store.list(params)).await
    }

    async fn cancel(&self, params: CancelParams) -> Result<Vec<Cancelled>> {
        told("cancel", self.store.cancel(params)).await
    }

    async fn run_now(&self, ids: Vec<JobId>) -> Result<Vec<RunNow>> {
        told("run_now", self.store.run_now(ids)).await
    }

    async fn replay(&self, mut replays: Vec<Replay>) -> Result<Vec<Replayed>> {
        let mut spans = self.replays(&mut replays).await;
        let replayed = told("replay", self.store.replay(replays)).await;
        for span in &mut spans {
            failed(Some(span), &replayed);
        }
        replayed
    }
}

#[async_trait]
impl WorkStore for Observed {
    async fn register(&self, info: WorkerInfo, lease: Duration) -> Result<WorkerId> {
        told("register", self.store.register(info, lease)).await
    }

    async fn claim(&self, params: ClaimParams) -> Result<Vec<ClaimedJob>> {
        told("claim", self.store.claim(params)).await
    }

    async fn settle(&self, items: Vec<Settle>) -> Result<Vec<Settled>> {
        told("settle", self.store.settle(items)).await
    }

    async fn heartbeat(&self, params: HeartbeatParams) -> Result<Beat> {
        told("heartbeat", self.store.heartbeat(params)).await
    }

    async fn cancels(&self, worker: WorkerId) -> Result<Vec<(JobId, String)>> {
        told("cancels", self.store.cancels(worker)).await
    }

    async fn leave(&self, worker: WorkerId) -> Result<u64> {
        told("leave", self.store.leave(worker)).await
    }

    async fn workers(&self) -> Result<Vec<WorkerRecord>> {
        told("workers", self.store.workers()).await
    }
}

#[async_trait]
impl DutyStore for Observed {
    async fn promote(&self, limit: usize) -> Result<Promoted> {
        let promoted = told("promote", self.store.promote(limit)).await;
        if let Ok(promoted) = &promoted {
            metrics().promoted.inc_by(promoted.count as u64);
        }
        promoted
    }

    async fn rescue(&self, params: RescueParams) -> Result<Rescued> {
        let rescued = told("rescue", self.store.rescue(params)).await;
        if let Ok(rescued) = &rescued {
            let all = rescued.requeued.len() + rescued.discarded.len() + rescued.cancelled.len();
            metrics().rescued.inc_by(all as u64);
        }
        rescued
    }

    async fn prune(&self, params: PruneParams) -> Result<Pruned> {
        told("prune", self.store.prune(params)).await
    }
}

#[async_trait]
impl QueueStore for Observed {
    async fn queues(&self) -> Result<Vec<QueueRecord>> {
        told("queues", self.store.queues()).await
    }

    async fn set_paused(&self, queue: QueueName, paused: bool) -> Result<()> {
        told("set_paused", self.store.set_paused(queue, paused)).await
    }
}

#[async_trait]
impl ScheduleStore for Observed {
    async fn put_schedule(&self, params: PutSchedule) -> Result<ScheduleRecord> {
        told("put_schedule", self.store.put_schedule(params)).await
    }

    async fn remove_schedule(&self, name: Label) -> Result<()> {
        told("remove_schedule", self.store.remove_schedule(name)).await
    }

    async fn schedules(&self) -> Result<Vec<ScheduleRecord>> {
        told("schedules", self.store.schedules()).await
    }

    async fn set_schedule_paused(&self, name: Label, paused: bool) -> Result<()> {
        told(
            "set_schedule_paused",
            self.store.set_schedule_paused(name, paused),
        )
        .await
    }

    async fn record_tick(&self, mut params: RecordTick) -> Result<Tick> {
        let mut spans = jobs::tick(&mut params);
        let (at, decision) = (params.at, decision(&params.decision));
        let recorded = told("record_tick", self.store.record_tick(params)).await;
        if recorded.is_ok() {
            metrics().ticked(decision, Clock::system().now().since(at));
        }
        failed(spans.as_mut().map(|(tick, _)| tick), &recorded);
        recorded
    }

    async fn ticks(&self, name: Label, limit: usize) -> Result<Vec<Tick>> {
        told("ticks", self.store.ticks(name, limit)).await
    }
}

#[async_trait]
impl LeaderStore for Observed {
    async fn elect(&self, params: ElectParams) -> Result<Election> {
        let candidate = params.candidate.clone();
        let election = told("elect", self.store.elect(params)).await;
        if let Ok(election) = &election {
            metrics().leads.set(i64::from(election.leader == candidate));
        }
        election
    }

    async fn resign(&self, role: String, candidate: String, term: u64) -> Result<()> {
        metrics().leads.set(0);
        told("resign", self.store.resign(role, candidate, term)).await
    }

    async fn leader(&self, role: String) -> Result<Option<Election>> {
        told("leader", self.store.leader(role)).await
    }
}

#[async_trait]
impl BufferStore for Observed {
    async fn append(&self, params: AppendParams) -> Result<u64> {
        told("append", self.store.append(params)).await
    }

    async fn peek(&self, destination: Label, limit: usize) -> Result<Vec<Entry>> {
        told("peek", self.store.peek(destination, limit)).await
    }

    async fn resolve(&self, destination: Label, fates: Vec<(EntryId, Fate)>) -> Result<()> {
        told("resolve", self.store.resolve(destination, fates)).await
    }

    async fn receipts(&self, origin: JobId) -> Result<Vec<Receipt>> {
        told("receipts", self.store.receipts(origin)).await
    }

    async fn destinations(&self) -> Result<Vec<DestinationRecord>> {
        told("destinations", self.store.destinations()).await
    }

    async fn note(&self, destination: Label, note: Note) -> Result<()> {
        told("note", self.store.note(destination, note)).await
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
