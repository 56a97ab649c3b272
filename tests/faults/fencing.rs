//! A worker that cannot renew its lease: it starts nothing once half of it is over, stops
//! everything at its end, and carries on under a new registration when the store is back.

use shared::job::{NewJob, State};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};
use tokio::sync::Notify;
use windlass_tests::faulty::Fault;
use worker::Context;

use crate::bench::Bench;

struct OnDrop(Arc<Notify>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

async fn fences_itself(fault: Fault) {
    let bench = Bench::new();
    let (started, dropped) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let runs = Arc::new(AtomicU32::new(0));
    let (tell, gone, count) = (
        Arc::clone(&started),
        Arc::clone(&dropped),
        Arc::clone(&runs),
    );
    bench.start(|worker| {
        worker.handle("work", move |_: Context, (): ()| {
            let (tell, guard) = (Arc::clone(&tell), OnDrop(Arc::clone(&gone)));
            let first = count.fetch_add(1, Ordering::SeqCst) == 0;
            async move {
                let _guard = guard;
                tell.notify_one();
                if first {
                    std::future::pending::<()>().await;
                }
            }
        })
    });
    let id = bench.enqueue(NewJob::new("work", &()).unwrap()).await;
    started.notified().await;
    let before = bench.truth.workers().await.unwrap()[0].id;
    // The whole store is away: nobody could rescue the job either.
    let all = [
        "heartbeat",
        "cancels",
        "claim",
        "register",
        "rescue",
        "settle",
        "queues",
        "promote",
    ];
    bench.store.set(&all, Some(fault));
    dropped.notified().await;
    assert_eq!(
        bench.in_state(id, State::Running).await.worker,
        Some(before.0)
    );
    bench.store.set(&all, None);
    let ended = bench.ended(id).await;
    assert_eq!(
        (ended.summary.state, ended.summary.attempt),
        (State::Completed, 1)
    );
    assert_eq!(
        ended.summary.crashes, 1,
        "the lost lease is a crash, not an attempt"
    );
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    bench.drain().await;
}

#[tokio::test]
async fn a_worker_whose_heartbeats_are_refused_stops_its_handlers_with_its_lease() {
    fences_itself(Fault::Refused).await;
}

#[tokio::test]
async fn a_worker_whose_heartbeats_are_not_answered_stops_its_handlers_with_its_lease() {
    fences_itself(Fault::Silent).await;
}

#[tokio::test]
async fn nothing_is_started_while_the_lease_is_in_doubt() {
    let bench = Bench::new();
    let (started, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&started), Arc::clone(&go_on));
    bench.start(|worker| {
        worker
            .concurrency(1)
            .handle("work", move |_: Context, (): ()| {
                let (tell, wait) = (Arc::clone(&tell), Arc::clone(&wait));
                async move {
                    tell.notify_one();
                    wait.notified().await;
                }
            })
    });
    let first = bench.enqueue(NewJob::new("work", &()).unwrap()).await;
    started.notified().await;
    bench.store.set(&["heartbeat"], Some(Fault::Refused));
    // More than half a lease of refused heartbeats, but less than all of it.
    bench.met(6).await;
    let second = bench.enqueue(NewJob::new("work", &()).unwrap()).await;
    go_on.notify_one();
    bench.ended(first).await;
    // Heartbeats work again: the door opens, and the second job runs.
    bench.store.set(&["heartbeat"], None);
    started.notified().await;
    go_on.notify_one();
    assert_eq!(bench.ended(second).await.summary.state, State::Completed);
    bench.drain().await;
}
