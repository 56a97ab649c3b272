//! What a case is given: a clean store with its clock, and workers to claim with.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{
    backends::{Backend, Open},
    make,
};
use shared::{
    clock::Timestamp,
    job::{ClaimedJob, JobDetail, JobId, JobSummary, NewJob, QueueName, State, outcome::Ending},
    lease::{WorkerId, WorkerInfo},
    store::{
        CancelParams, Cancelled, ClaimParams, Enqueued, Filter, HeartbeatParams, ListParams,
        Promoted, PruneParams, Pruned, QueueRecord, RescueParams, Rescued, Result, Retention,
        Settled, Store, Want,
    },
};

/// The lease of a [`Hand`].
pub const LEASE: Duration = Duration::from_secs(20);

/// A clean store that one case has to itself.
pub struct Harness {
    open: Open,
    backend: Box<dyn Backend>,
    /// The store.
    pub store: Arc<dyn Store>,
}

/// Runs one case on a clean store. Whatever the case did, the counts that the store keeps must
/// equal a recount afterwards, unless the case closed it.
///
/// # Panics
/// When the case fails.
pub fn run(open: Open, case: impl AsyncFnOnce(&Harness)) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    runtime.block_on(async {
        let harness = Harness::open(open).await;
        case(&harness).await;
        if harness.store.now().await.is_ok() {
            harness.recount().await;
            harness.store.close().await;
        }
    });
}

impl Harness {
    async fn open(open: Open) -> Self {
        Self::on(open().await, open)
    }

    /// A store that was opened by somebody else; `open` opens others of its make.
    pub fn on(backend: Box<dyn Backend>, open: Open) -> Self {
        let store = backend.store();
        Self {
            open,
            backend,
            store,
        }
    }

    /// A clean store of the same make that has nothing to do with this one.
    pub async fn fresh(&self) -> Self {
        Self::open(self.open).await
    }

    /// A second handle on the same data.
    pub async fn another(&self) -> Arc<dyn Store> {
        self.backend.another().await
    }

    /// Moves the store's clock.
    pub async fn advance(&self, length: Duration) {
        self.backend.advance(length).await;
    }

    /// The store's clock.
    pub async fn now(&self) -> Timestamp {
        self.store.now().await.unwrap()
    }

    /// Enqueues a job that must be accepted.
    pub async fn enqueue(&self, job: NewJob) -> JobId {
        let id = job.id;
        let answer = self.store.enqueue(vec![job]).await.unwrap();
        assert!(matches!(answer[..], [Enqueued::New(_)]), "{answer:?}");
        id
    }

    /// Enqueues a job that may be refused.
    pub async fn try_enqueue(&self, job: NewJob) -> Enqueued {
        let answer = self.store.enqueue(vec![job]).await.unwrap();
        assert_eq!(answer.len(), 1);
        answer[0]
    }

    /// Enqueues jobs that must be accepted, in one batch.
    pub async fn enqueue_all(&self, jobs: Vec<NewJob>) -> Vec<JobId> {
        let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
        let answer = self.store.enqueue(jobs).await.unwrap();
        let new = |enqueued: &Enqueued| matches!(enqueued, Enqueued::New(_));
        assert!(answer.len() == ids.len() && answer.iter().all(new));
        ids
    }

    /// What is known about a job, if it is kept.
    pub async fn find(&self, id: JobId) -> Option<JobDetail> {
        let mut found = self.store.get(vec![id]).await.unwrap();
        assert_eq!(found.len(), 1);
        found.remove(0)
    }

    /// What is known about a job that must be kept.
    pub async fn detail(&self, id: JobId) -> JobDetail {
        let found = self.find(id).await;
        found.unwrap_or_else(|| panic!("{id} is not known"))
    }

    /// The state of a job that must be kept.
    pub async fn state(&self, id: JobId) -> State {
        self.detail(id).await.summary.state
    }

    /// A new worker that serves the default queue under a lease of [`LEASE`].
    pub async fn hand(&self) -> Hand<'_> {
        self.hand_for(LEASE).await
    }

    /// A new worker with another lease.
    pub async fn hand_for(&self, lease: Duration) -> Hand<'_> {
        let registered = self.store.register(worker_info("hand"), lease).await;
        Hand {
            harness: self,
            id: registered.unwrap(),
            claims: AtomicU64::new(0),
        }
    }

    /// Ends the attempt of a job that was claimed.
    pub async fn settle(&self, job: &ClaimedJob, ending: Ending) -> Settled {
        let items = vec![make::end_of(job, ending)];
        let answer = self.store.settle(items).await.unwrap();
        assert_eq!(answer.len(), 1);
        answer[0]
    }

    /// Enqueues a job, claims it as the next one of its queue and ends its attempt so.
    pub async fn run(&self, job: NewJob, ending: Ending) -> JobId {
        let hand = self.hand().await;
        let name = job.queue.to_string();
        let id = self.enqueue(job).await;
        let claimed = hand.claim_from(&[(&name, 1)], 1).await;
        assert_eq!(claimed.len(), 1, "{name} should hold one job");
        assert_eq!(claimed[0].id, id, "another job was waiting in {name}");
        let settled = self.settle(&claimed[0], ending).await;
        assert!(matches!(settled, Settled::Kept(_)), "{settled:?}");
        hand.leave().await;
        id
    }

    /// Asks to stop one job.
    pub async fn cancel(&self, id: JobId, reason: &str) -> Cancelled {
        let params = CancelParams {
            ids: vec![id],
            reason: reason.to_owned(),
        };
        let answer = self.store.cancel(params).await.unwrap();
        assert_eq!(answer.len(), 1);
        answer[0]
    }

    /// Promotes what is due.
    pub async fn promote(&self) -> Promoted {
        self.store.promote(1000).await.unwrap()
    }

    /// Takes back whatever dead workers hold.
    pub async fn rescue(&self) -> Rescued {
        self.rescue_some(1000).await
    }

    /// Takes back at most `limit` jobs from dead workers.
    pub async fn rescue_some(&self, limit: usize) -> Rescued {
        let params = RescueParams {
            max_crashes: 3,
            limit,
        };
        self.store.rescue(params).await.unwrap()
    }

    /// Forgets what ended at least `kept` ago, at most `limit` jobs.
    pub async fn prune(&self, kept: Duration, limit: usize) -> Pruned {
        let retention = Retention {
            completed: kept,
            cancelled: kept,
            discarded: kept,
        };
        let params = PruneParams { retention, limit };
        self.store.prune(params).await.unwrap()
    }

    /// All jobs that fit a filter, newest first, through pages of at most `limit`.
    pub async fn list(&self, filter: Filter, limit: usize) -> Vec<JobSummary> {
        let mut all = Vec::new();
        let mut cursor = None;
        loop {
            let params = ListParams {
                filter: filter.clone(),
                cursor,
                limit,
            };
            let page = self.store.list(params).await.unwrap();
            assert!(page.items.len() <= limit, "{} items", page.items.len());
            all.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                return all;
            }
        }
    }

    /// The record of a queue that must be known.
    pub async fn queue(&self, name: &str) -> QueueRecord {
        let queues = self.store.queues().await.unwrap();
        let found = queues.into_iter().find(|queue| queue.name.as_str() == name);
        found.unwrap_or_else(|| panic!("queue {name} is not known"))
    }

    /// Counts all jobs by queue and state, and compares with what the store says.
    ///
    /// # Panics
    /// When they differ.
    pub async fn recount(&self) {
        let mut counted: HashMap<(QueueName, State), u64> = HashMap::new();
        for job in self.list(Filter::default(), 1000).await {
            *counted.entry((job.queue, job.state)).or_default() += 1;
        }
        for queue in self.store.queues().await.unwrap() {
            for state in State::ALL {
                let held = counted.remove(&(queue.name.clone(), state)).unwrap_or(0);
                let told = queue.count(state);
                let name = &queue.name;
                assert!(
                    !queue.exact || told == held,
                    "{name} holds {held} {state} jobs, not {told}"
                );
            }
        }
        assert!(counted.is_empty(), "queues that nobody knows: {counted:?}");
    }
}

/// What a worker says about itself in a test.
pub fn worker_info(name: &str) -> WorkerInfo {
    WorkerInfo {
        name: name.to_owned(),
        host: "here".to_owned(),
        pid: 7,
        version: "0.1.0".to_owned(),
        queues: vec![QueueName::default()],
        concurrency: 10,
    }
}

/// A worker.
pub struct Hand<'h> {
    harness: &'h Harness,
    /// Its id.
    pub id: WorkerId,
    claims: AtomicU64,
}

impl Hand<'_> {
    /// Claims from the default queue.
    pub async fn claim(&self, max: usize) -> Vec<ClaimedJob> {
        self.claim_from(&[("default", max)], max).await
    }

    /// Claims one job that must be there.
    pub async fn take(&self) -> ClaimedJob {
        let mut claimed = self.claim(1).await;
        assert_eq!(claimed.len(), 1, "a job should be available");
        claimed.remove(0)
    }

    /// Claims from queues, in all at most `max`.
    pub async fn claim_from(&self, wants: &[(&str, usize)], max: usize) -> Vec<ClaimedJob> {
        let wants = wants.iter().map(|(name, max)| make::want(name, *max));
        let params = self.next_claim(wants.collect(), max);
        self.harness.store.claim(params).await.unwrap()
    }

    /// The params of its next claim.
    pub fn next_claim(&self, wants: Vec<Want>, max: usize) -> ClaimParams {
        ClaimParams {
            worker: self.id,
            claim: self.claims.fetch_add(1, Ordering::Relaxed) + 1,
            wants,
            max,
        }
    }

    /// Says that it lives; answers which of its jobs are to be stopped.
    ///
    /// # Errors
    /// When its lease is lost.
    pub async fn beat(&self) -> Result<Vec<(JobId, String)>> {
        let params = HeartbeatParams {
            worker: self.id,
            lease: LEASE,
            progress: Vec::new(),
        };
        Ok(self.harness.store.heartbeat(params).await?.cancel)
    }

    /// Leaves; answers how many jobs it handed back.
    pub async fn leave(&self) -> u64 {
        self.harness.store.leave(self.id).await.unwrap()
    }
}
