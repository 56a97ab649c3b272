//! Hints. The contract promises none, so what is asked here is less than what is usual: within
//! one process, what a call made possible is hinted at sooner or later.

use std::time::Duration;

use shared::{
    job::outcome::Ending,
    store::{Hint, Wakeups},
};
use windlass_tests::{
    Harness,
    harness::LEASE,
    make::{DONE, job, job_in, queue, retry, secs},
};

/// Until a hint that must come is given up for lost. Long, because it is no measure of anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for a hint; anything may be hinted at besides.
async fn comes(wakeups: &mut Wakeups, expected: Hint) {
    let wait = async {
        loop {
            let hint = wakeups.next().await;
            if hint == expected || hint == Hint::Any {
                return;
            }
        }
    };
    let came = tokio::time::timeout(PATIENCE, wait).await;
    assert!(came.is_ok(), "no hint {expected:?}");
}

fn available(name: &str) -> Hint {
    Hint::Available(queue(name))
}

pub(crate) async fn whatever_makes_a_job_available_is_hinted_at(h: &Harness) {
    let mut wakeups = h.store.wakeups();
    h.enqueue(job_in("mail")).await;
    comes(&mut wakeups, available("mail")).await;

    let scheduled = h.enqueue(job().delay(secs(1))).await;
    let mut wakeups = h.store.wakeups();
    h.advance(secs(1)).await;
    h.promote().await;
    comes(&mut wakeups, available("default")).await;

    let hand = h.hand().await;
    let claimed = hand.take().await;
    assert_eq!(claimed.id, scheduled);
    let mut wakeups = h.store.wakeups();
    h.settle(&claimed, Ending::Release).await;
    comes(&mut wakeups, available("default")).await;

    hand.take().await;
    let mut wakeups = h.store.wakeups();
    h.advance(LEASE).await;
    h.rescue().await;
    comes(&mut wakeups, available("default")).await;

    let hand = h.hand().await;
    let claimed = hand.take().await;
    h.settle(&claimed, retry(secs(60))).await;
    let mut wakeups = h.store.wakeups();
    h.store.run_now(vec![scheduled]).await.unwrap();
    comes(&mut wakeups, available("default")).await;
}

pub(crate) async fn a_queue_that_is_resumed_is_hinted_at(h: &Harness) {
    h.enqueue(job()).await;
    h.store.set_paused(queue("default"), true).await.unwrap();
    let mut wakeups = h.store.wakeups();
    h.store.set_paused(queue("default"), false).await.unwrap();
    comes(&mut wakeups, available("default")).await;
}

pub(crate) async fn a_job_that_is_put_off_is_hinted_at(h: &Harness) {
    let mut wakeups = h.store.wakeups();
    h.enqueue(job().delay(secs(9))).await;
    comes(&mut wakeups, Hint::Scheduled).await;
    h.enqueue(job()).await;
    let claimed = h.hand().await.take().await;
    let mut wakeups = h.store.wakeups();
    h.settle(&claimed, retry(secs(9))).await;
    comes(&mut wakeups, Hint::Scheduled).await;
}

pub(crate) async fn a_running_job_that_is_to_be_stopped_is_hinted_at(h: &Harness) {
    let id = h.enqueue(job()).await;
    h.hand().await.take().await;
    let mut wakeups = h.store.wakeups();
    h.cancel(id, "not needed").await;
    comes(&mut wakeups, Hint::Cancel).await;
}

pub(crate) async fn a_job_that_ends_is_hinted_at(h: &Harness) {
    h.enqueue(job()).await;
    let claimed = h.hand().await.take().await;
    let mut wakeups = h.store.wakeups();
    h.settle(&claimed, DONE).await;
    comes(&mut wakeups, Hint::Ended).await;
    let id = h.enqueue(job()).await;
    let mut wakeups = h.store.wakeups();
    h.cancel(id, "not needed").await;
    comes(&mut wakeups, Hint::Ended).await;
}

pub(crate) async fn a_listener_that_sleeps_is_told_that_it_missed_something(h: &Harness) {
    let mut wakeups = h.store.wakeups();
    // Far more than a listener's share, each of its own, so that none can be merged.
    let many = (0..600).map(|n| job_in(&format!("q{n}")));
    h.enqueue_all(many.collect()).await;
    comes(&mut wakeups, available("q599")).await;
}

pub(crate) async fn every_listener_is_told(h: &Harness) {
    let mut first = h.store.wakeups();
    let mut second = h.store.wakeups();
    h.enqueue(job()).await;
    comes(&mut first, available("default")).await;
    comes(&mut second, available("default")).await;
}
