//! Jobs that come and are run while something happens to the server.

use shared::{
    job::{JobId, State},
    shutdown::{Shutdown, Tasks},
    store::{Enqueued, Store},
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::task::JoinHandle;
use windlass_tests::make::jobs;
use worker::{Settings, Worker};

/// Jobs of one enqueue.
const BATCH: usize = 20;

/// A producer and a worker on a store, until they are stopped.
pub(crate) struct Load {
    store: Arc<dyn Store>,
    ran: Arc<Mutex<HashMap<JobId, usize>>>,
    accepted: Arc<Mutex<Vec<JobId>>>,
    stop: Arc<AtomicBool>,
    producing: JoinHandle<()>,
    shutdown: Shutdown,
    tasks: Tasks,
}

impl Load {
    pub(crate) fn on(store: &Arc<dyn Store>) -> Self {
        let ran: Arc<Mutex<HashMap<JobId, usize>>> = Arc::default();
        let runs = Arc::clone(&ran);
        let settings = Settings {
            lease: Duration::from_secs(3),
            heartbeat: Duration::from_millis(200),
            poll: Duration::from_millis(100),
            concurrency: 16,
            ..Settings::default()
        };
        let worker = Worker::builder(Arc::clone(store))
            .settings(settings)
            .alone()
            .handle("noop", move |ctx: worker::Context, (): ()| {
                *runs.lock().unwrap().entry(ctx.id()).or_default() += 1;
                std::future::ready(())
            });
        let (shutdown, tasks) = (Shutdown::new(), Tasks::new());
        tasks.spawn(worker.build().unwrap().run(shutdown.clone()));
        let accepted: Arc<Mutex<Vec<JobId>>> = Arc::default();
        let stop = Arc::new(AtomicBool::new(false));
        let producing = produce(Arc::clone(store), Arc::clone(&accepted), Arc::clone(&stop));
        Self {
            store: Arc::clone(store),
            ran,
            accepted,
            stop,
            producing: tasks.spawn(producing),
            shutdown,
            tasks,
        }
    }

    /// Waits until so many more jobs have run.
    pub(crate) async fn more(&self, count: usize) {
        let before = self.ran.lock().unwrap().len();
        while self.ran.lock().unwrap().len() < before + count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Stops producing, waits until all that was accepted has completed, and ends.
    pub(crate) async fn finish(self) {
        self.stop.store(true, Ordering::SeqCst);
        self.producing.await.unwrap();
        let accepted = self.accepted.lock().unwrap().clone();
        for ids in accepted.chunks(500) {
            while !completed(&*self.store, ids).await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        let ran = self.ran.lock().unwrap().clone();
        assert!(
            accepted.iter().all(|id| ran.contains_key(id)),
            "one was never run"
        );
        self.shutdown.drain();
        self.tasks.finished().await;
        self.store.close().await;
    }
}

/// Enqueues one batch after the other, each until it is answered, and notes what was.
async fn produce(store: Arc<dyn Store>, accepted: Arc<Mutex<Vec<JobId>>>, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::SeqCst) {
        let batch = jobs(BATCH);
        let answer = loop {
            match store.enqueue(batch.clone()).await {
                Ok(answer) => break answer,
                Err(error) => assert!(error.is_transient(), "{error:?}"),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        let kept = |one: &Enqueued| matches!(one, Enqueued::New(_) | Enqueued::Repeated);
        assert!(answer.len() == batch.len() && answer.iter().all(kept));
        accepted
            .lock()
            .unwrap()
            .extend(batch.iter().map(|job| job.id));
    }
}

/// Whether all of these are there and completed.
///
/// # Panics
/// When one is not there: it was accepted.
async fn completed(store: &dyn Store, ids: &[JobId]) -> bool {
    let Ok(found) = store.get(ids.to_vec()).await else {
        return false;
    };
    assert!(
        found.iter().all(Option::is_some),
        "one that was accepted is lost"
    );
    let mut found = found.iter().flatten();
    found.all(|job| job.summary.state == State::Completed)
}
