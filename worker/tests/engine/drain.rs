//! Stopping a worker: what runs may finish, the rest is handed back, no attempt is counted.

use shared::job::{NewJob, State};
use std::{sync::Arc, time::Duration};
use tokio::sync::{Notify, Semaphore};
use windlass_worker::{Context, Settings};

use crate::harness::Bench;

#[tokio::test]
async fn what_runs_finishes_and_what_waits_is_handed_back_uncounted() {
    let bench = Bench::new();
    let (started, go_on) = (Arc::new(Semaphore::new(0)), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&started), Arc::clone(&go_on));
    bench.start(|worker| {
        worker
            .concurrency(2)
            .handle("work", move |_: Context, (): ()| {
                let (tell, wait) = (Arc::clone(&tell), Arc::clone(&wait));
                async move {
                    tell.add_permits(1);
                    wait.notified().await;
                }
            })
    });
    let jobs: Vec<NewJob> = (0..5).map(|_| NewJob::new("work", &()).unwrap()).collect();
    let ids: Vec<_> = jobs.iter().map(|job| job.id).collect();
    bench.store.enqueue(jobs).await.unwrap();
    started.acquire_many(2).await.unwrap().forget();
    bench.shutdown.drain();
    go_on.notify_waiters();
    bench.drain().await;
    let states: Vec<State> = bench
        .store
        .get(ids)
        .await
        .unwrap()
        .into_iter()
        .map(|job| {
            let job = job.unwrap();
            let counted = u32::from(job.summary.state == State::Completed);
            assert_eq!(job.summary.attempt, counted, "{:?}", job.summary);
            assert!(job.errors.is_empty());
            job.summary.state
        })
        .collect();
    let done = State::Completed;
    let back = State::Available;
    assert_eq!(states, [done, done, back, back, back]);
    assert!(
        bench.store.workers().await.unwrap().is_empty(),
        "the registration has ended"
    );
}

#[tokio::test]
async fn what_does_not_finish_in_time_is_handed_back_too() {
    let bench = Bench::new();
    let started = Arc::new(Notify::new());
    let tell = Arc::clone(&started);
    let settings = Settings {
        drain_timeout: Duration::from_millis(10),
        ..Bench::settings()
    };
    bench.start(|worker| {
        worker
            .settings(settings)
            .handle("stuck", move |_: Context, (): ()| {
                let tell = Arc::clone(&tell);
                async move {
                    tell.notify_one();
                    std::future::pending::<()>().await;
                }
            })
    });
    let id = bench.enqueue(NewJob::new("stuck", &()).unwrap()).await;
    started.notified().await;
    bench.drain().await;
    let job = bench.get(id).await;
    assert_eq!(
        (job.summary.state, job.summary.attempt),
        (State::Available, 0)
    );
    assert_eq!(job.summary.crashes, 0);
}

#[tokio::test]
async fn an_idle_worker_drains_at_once_and_a_later_one_takes_over() {
    let bench = Bench::new();
    bench.start(|worker| worker.handle("noop", |_, (): ()| async {}));
    let first = bench.enqueue(NewJob::new("noop", &()).unwrap()).await;
    bench.ended(first).await;
    bench.drain().await;
    let second = bench.enqueue(NewJob::new("noop", &()).unwrap()).await;
    assert_eq!(bench.get(second).await.summary.state, State::Available);
    let next = bench.again();
    next.start(|worker| worker.handle("noop", |_, (): ()| async {}));
    next.ended(second).await;
    next.drain().await;
}
