//! A worker on a store that fails on demand.

use shared::{
    clock::Clock,
    job::{JobDetail, JobId, NewJob, State},
    shutdown::{Shutdown, Tasks},
    store::{Store, memory::MemoryStore},
};
use std::{sync::Arc, time::Duration};
use windlass_tests::faulty::Faulty;
use worker::{Builder, Settings, Worker};

pub(crate) struct Bench {
    /// What the worker uses.
    pub(crate) store: Arc<Faulty>,
    /// What is behind it, where the test looks.
    pub(crate) truth: Arc<dyn Store>,
    pub(crate) shutdown: Shutdown,
    tasks: Tasks,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let truth: Arc<dyn Store> = Arc::new(MemoryStore::new(Clock::system()));
        let store = Faulty::new(Arc::clone(&truth));
        Self {
            store,
            truth,
            shutdown: Shutdown::new(),
            tasks: Tasks::new(),
        }
    }

    pub(crate) fn start(&self, with: impl FnOnce(Builder) -> Builder) {
        let settings = Settings {
            lease: Duration::from_secs(1),
            heartbeat: Duration::from_millis(100),
            poll: Duration::from_millis(50),
            concurrency: 4,
            ..Settings::default()
        };
        let builder = Worker::builder(Arc::clone(&self.store) as _)
            .settings(settings)
            .alone();
        self.tasks
            .spawn(with(builder).build().unwrap().run(self.shutdown.clone()));
    }

    pub(crate) async fn enqueue(&self, job: NewJob) -> JobId {
        let id = job.id;
        self.truth.enqueue(vec![job]).await.unwrap();
        id
    }

    pub(crate) async fn until(&self, id: JobId, fits: impl Fn(&JobDetail) -> bool) -> JobDetail {
        let mut wakeups = self.truth.wakeups();
        loop {
            let job = self.truth.get(vec![id]).await.unwrap().remove(0).unwrap();
            if fits(&job) {
                return job;
            }
            drop(tokio::time::timeout(Duration::from_millis(20), wakeups.next()).await);
        }
    }

    pub(crate) async fn ended(&self, id: JobId) -> JobDetail {
        self.until(id, |job| job.summary.state.is_terminal()).await
    }

    pub(crate) async fn in_state(&self, id: JobId, state: State) -> JobDetail {
        self.until(id, |job| job.summary.state == state).await
    }

    /// Waits until so many more calls have met a fault.
    pub(crate) async fn met(&self, more: usize) {
        let goal = self.store.met() + more;
        while self.store.met() < goal {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn drain(&self) {
        self.shutdown.drain();
        self.tasks.finished().await;
    }
}
