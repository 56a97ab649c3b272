//! A store, a worker on it, and ways to wait for what happens without sleeping.

use shared::{
    clock::{Clock, Timestamp},
    job::{JobDetail, NewJob, State},
    shutdown::Tasks,
    store::memory::MemoryStore,
};
use std::{sync::Arc, time::Duration};
use windlass_worker::{Builder, JobId, Settings, Shutdown, Store, Worker};

/// A memory store on a clock that stands still, and at most one worker on it.
pub(crate) struct Bench {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Clock,
    pub(crate) shutdown: Shutdown,
    tasks: Tasks,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let clock = Clock::manual(Timestamp::from_micros(1_763_000_000_000_000));
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(clock.clone()));
        Self {
            store,
            clock,
            shutdown: Shutdown::new(),
            tasks: Tasks::new(),
        }
    }

    /// Starts a worker with short waits, so that nothing in a test takes long.
    pub(crate) fn start(&self, with: impl FnOnce(Builder) -> Builder) {
        let builder = Worker::builder(Arc::clone(&self.store)).settings(Self::settings());
        self.tasks
            .spawn(with(builder).build().unwrap().run(self.shutdown.clone()));
    }

    pub(crate) fn settings() -> Settings {
        Settings {
            lease: Duration::from_secs(2),
            heartbeat: Duration::from_millis(100),
            drain_timeout: Duration::from_secs(30),
            concurrency: 4,
            ..Settings::default()
        }
    }

    pub(crate) async fn enqueue(&self, job: NewJob) -> JobId {
        let id = job.id;
        self.store.enqueue(vec![job]).await.unwrap();
        id
    }

    pub(crate) async fn get(&self, id: JobId) -> JobDetail {
        self.store.get(vec![id]).await.unwrap().remove(0).unwrap()
    }

    /// Waits until a job fits.
    pub(crate) async fn until(&self, id: JobId, fits: impl Fn(&JobDetail) -> bool) -> JobDetail {
        let mut wakeups = self.store.wakeups();
        loop {
            let job = self.get(id).await;
            if fits(&job) {
                return job;
            }
            // Not everything that a test waits for comes with a hint (progress does not).
            drop(tokio::time::timeout(Duration::from_millis(20), wakeups.next()).await);
        }
    }

    pub(crate) async fn ended(&self, id: JobId) -> JobDetail {
        self.until(id, |job| job.summary.state.is_terminal()).await
    }

    pub(crate) async fn in_state(&self, id: JobId, state: State) -> JobDetail {
        self.until(id, |job| job.summary.state == state).await
    }

    /// The same store, for another worker.
    pub(crate) fn again(self) -> Self {
        Self {
            shutdown: Shutdown::new(),
            tasks: Tasks::new(),
            ..self
        }
    }

    /// Drains the worker and waits until it has ended.
    pub(crate) async fn drain(&self) {
        self.shutdown.drain();
        self.tasks.finished().await;
    }
}
