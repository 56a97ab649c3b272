//! Losing the lease: the zombie is stopped and fenced, the worker carries on under a new name.

use shared::{
    job::{NewJob, State},
    lease::MAX_CRASHES,
    store::RescueParams,
};
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;
use windlass_worker::Context;

use crate::harness::Bench;

#[tokio::test]
async fn a_rescued_job_runs_again_and_its_zombie_changes_nothing() {
    let bench = Bench::new();
    let started = Arc::new(Semaphore::new(0));
    let tell = Arc::clone(&started);
    bench.start(|worker| {
        worker.handle("work", move |ctx: Context, (): ()| {
            let tell = Arc::clone(&tell);
            async move {
                tell.add_permits(1);
                if ctx.job().crashes == 0 {
                    std::future::pending::<()>().await;
                }
            }
        })
    });
    let id = bench.enqueue(NewJob::new("work", &()).unwrap()).await;
    started.acquire().await.unwrap().forget();
    let before = bench.store.workers().await.unwrap()[0].id;
    // The store's clock leaps: to the store this worker was silent for an hour.
    bench.clock.advance(Duration::from_hours(1));
    let params = RescueParams {
        max_crashes: MAX_CRASHES,
        limit: 100,
    };
    let rescued = bench.store.rescue(params).await.unwrap();
    assert_eq!(
        (rescued.requeued, rescued.workers),
        (vec![id], vec![before])
    );
    let ended = bench.ended(id).await;
    assert_eq!(ended.summary.state, State::Completed);
    assert_eq!((ended.summary.attempt, ended.summary.crashes), (1, 1));
    let workers = bench.store.workers().await.unwrap();
    assert_eq!(workers.len(), 1);
    assert_ne!(workers[0].id, before, "an id is never given out again");
    bench.drain().await;
}
