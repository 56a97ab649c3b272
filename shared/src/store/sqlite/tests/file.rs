//! The file: that it keeps what it was given, and that several stores may share it.

use std::{sync::Arc, time::Duration};
use tempfile::TempDir;

use crate::{
    clock::{Clock, Timestamp},
    job::{JobId, NewJob, QueueName, State, outcome::Ending},
    lease::{WorkerId, WorkerInfo},
    store::{
        ClaimParams, DutyStore, ElectParams, Hint, JobStore, LeaderStore, PruneParams, QueueStore,
        RescueParams, Retention, Settle, Settled, Store, Wakeups, Want, WorkStore,
        sqlite::{SqliteStore, connection},
    },
};

/// Longer than any machine takes, so that a hint that does not come fails the test.
const PATIENCE: Duration = Duration::from_secs(30);

struct File {
    dir: TempDir,
    clock: Clock,
}

impl File {
    fn new() -> Self {
        let start: Timestamp = "2026-11-21T07:00:00Z".parse().unwrap();
        Self {
            dir: tempfile::tempdir().unwrap(),
            clock: Clock::manual(start),
        }
    }

    fn path(&self) -> std::path::PathBuf {
        self.dir.path().join("jobs.db")
    }

    fn open(&self) -> Arc<SqliteStore> {
        SqliteStore::open(self.path(), self.clock.clone()).unwrap()
    }
}

async fn enqueue(store: &SqliteStore) -> JobId {
    let job = NewJob::new("noop", &()).unwrap();
    let id = job.id;
    store.enqueue(vec![job]).await.unwrap();
    id
}

async fn register(store: &SqliteStore) -> WorkerId {
    let info = WorkerInfo {
        name: "worker".to_owned(),
        host: "here".to_owned(),
        pid: 1,
        version: "0".to_owned(),
        queues: Vec::new(),
        concurrency: 1,
    };
    store.register(info, PATIENCE).await.unwrap()
}

fn claim(worker: WorkerId, claim: u64) -> ClaimParams {
    ClaimParams {
        worker,
        claim,
        wants: vec![Want {
            queue: QueueName::default(),
            max: 10,
        }],
        max: 10,
    }
}

async fn complete(store: &SqliteStore, worker: WorkerId, number: u64) -> Vec<Settled> {
    let claimed = store.claim(claim(worker, number)).await.unwrap();
    let items = claimed.into_iter().map(|job| Settle {
        id: job.id,
        token: job.token,
        ending: Ending::Complete { result: None },
        progress: None,
    });
    store.settle(items.collect()).await.unwrap()
}

async fn hinted(wakeups: &mut Wakeups, expected: &Hint) {
    let hint = async { while wakeups.next().await != *expected {} };
    let came = tokio::time::timeout(PATIENCE, hint).await;
    assert!(came.is_ok(), "no hint {expected:?}");
}

#[tokio::test]
async fn a_file_that_is_opened_again_has_everything() {
    let file = File::new();
    let store = file.open();
    let done = enqueue(&store).await;
    let worker = register(&store).await;
    assert_eq!(
        complete(&store, worker, 1).await,
        [Settled::Kept(State::Completed)]
    );
    let waiting = enqueue(&store).await;
    let held = store.claim(claim(worker, 2)).await.unwrap();
    let before = store.get(vec![done, waiting]).await.unwrap();
    let queues = store.queues().await.unwrap();
    drop(store);

    let store = file.open();
    assert_eq!(store.get(vec![done, waiting]).await.unwrap(), before);
    assert_eq!(store.queues().await.unwrap(), queues);
    assert_eq!(store.claim(claim(worker, 2)).await.unwrap(), held);
    assert_eq!(register(&store).await, WorkerId(worker.0 + 1));
}

#[tokio::test]
async fn a_file_that_was_closed_is_whole_without_its_log() {
    let file = File::new();
    let store = file.open();
    let id = enqueue(&store).await;
    store.close().await;
    assert!(!file.dir.path().join("jobs.db-wal").exists());
    assert!(store.get(vec![id]).await.is_err());
    let moved = file.dir.path().join("moved.db");
    std::fs::rename(file.path(), &moved).unwrap();
    let store = SqliteStore::open(&moved, file.clock.clone()).unwrap();
    assert!(store.get(vec![id]).await.unwrap()[0].is_some());
}

#[tokio::test]
async fn stores_on_one_file_share_its_work_and_hint_at_it() {
    let file = File::new();
    let (here, there) = (file.open(), file.open());
    let mut wakeups = there.wakeups();
    let first = enqueue(&here).await;
    hinted(&mut wakeups, &Hint::Any).await;

    let worker = register(&there).await;
    let claimed = there.claim(claim(worker, 1)).await.unwrap();
    assert_eq!(claimed[0].id, first);
    let other = register(&here).await;
    assert_eq!(other, WorkerId(worker.0 + 1));
    assert_eq!(here.claim(claim(other, 1)).await.unwrap(), []);

    // A queue that one of them made known is the same queue to the other.
    let queue = QueueName::new("mail").unwrap();
    let job = || NewJob::new("noop", &()).unwrap().queue(queue.clone());
    here.enqueue(vec![job()]).await.unwrap();
    there.enqueue(vec![job()]).await.unwrap();
    let queues = here.queues().await.unwrap();
    assert_eq!(queues.len(), 2);
    assert_eq!(queues, there.queues().await.unwrap());
    assert_eq!(queues[1].count(State::Available), 2);
}

#[tokio::test]
async fn a_store_does_not_take_its_own_work_for_somebody_elses() {
    let file = File::new();
    let (here, there) = (file.open(), file.open());
    let (mut own, mut foreign) = (here.wakeups(), there.wakeups());
    enqueue(&here).await;
    // Once the other store has noticed, this one has had as long to be wrong.
    hinted(&mut foreign, &Hint::Any).await;
    let hint = own.next().await;
    assert_eq!(hint, Hint::Available(QueueName::default()));
    enqueue(&here).await;
    assert_eq!(own.next().await, hint);
}

#[tokio::test]
async fn what_finds_nothing_to_do_writes_nothing() {
    let file = File::new();
    let store = file.open();
    enqueue(&store).await;
    let worker = register(&store).await;
    complete(&store, worker, 1).await;
    let elect = |candidate: &str| ElectParams {
        role: "scheduler".to_owned(),
        candidate: candidate.to_owned(),
        lease: PATIENCE,
    };
    store.elect(elect("one")).await.unwrap();

    // Whoever wants to write finds the file locked, and says so.
    let other = connection::writer(&file.path()).unwrap();
    other.execute_batch("begin immediate").unwrap();
    assert_eq!(store.claim(claim(worker, 2)).await.unwrap(), []);
    assert_eq!(store.promote(100).await.unwrap().count, 0);
    let max_crashes = 3;
    let limit = 100;
    let rescued = store
        .rescue(RescueParams { max_crashes, limit })
        .await
        .unwrap();
    assert_eq!(rescued.workers, []);
    let retention = Retention::default();
    let pruned = store.prune(PruneParams { retention, limit }).await.unwrap();
    assert_eq!(pruned.count, 0);
    assert_eq!(store.elect(elect("two")).await.unwrap().leader, "one");
    other.execute_batch("rollback").unwrap();
}
