//! Stores as things: what several users of one do to each other, what a store says about itself,
//! how it closes.

use futures_util::future::join_all;
use std::collections::HashSet;

use shared::{
    job::{ClaimedJob, JobId, State},
    store::{Enqueued, Error, Settled},
};
use windlass_tests::{
    Harness,
    make::{DONE, MICROSECOND, end_of, job, jobs, queue, secs, want},
};

pub(crate) async fn what_one_user_does_another_sees(h: &Harness) {
    let other = h.another().await;
    let mine = job();
    let id = mine.id;
    other.enqueue(vec![mine.clone()]).await.unwrap();
    assert_eq!(h.try_enqueue(mine).await, Enqueued::Repeated);
    let hand = h.hand().await;
    let claimed = hand.take().await;
    assert_eq!(claimed.id, id);
    let params = hand.next_claim(vec![want("default", 1)], 1);
    assert_eq!(other.claim(params).await.unwrap(), []);
    let items = vec![end_of(&claimed, DONE)];
    let settled = other.settle(items).await.unwrap();
    assert_eq!(settled, [Settled::Kept(State::Completed)]);
    assert_eq!(h.state(id).await, State::Completed);
    other.set_paused(queue("default"), true).await.unwrap();
    assert!(h.queue("default").await.paused_at.is_some());
}

pub(crate) async fn users_at_once_share_the_jobs_out_and_lose_none(h: &Harness) {
    let other = h.another().await;
    let batches: Vec<Vec<_>> = (0..8).map(|_| jobs(25)).collect();
    let all: HashSet<JobId> = batches.iter().flatten().map(|job| job.id).collect();
    let stores = [&h.store, &other];
    let enqueue = |at: usize, batch| stores[at % 2].enqueue(batch);
    let mut waiting = Vec::new();
    for (at, batch) in batches.into_iter().enumerate() {
        waiting.push(enqueue(at, batch));
    }
    for answer in join_all(waiting).await {
        assert_eq!(answer.unwrap().len(), 25);
    }

    let hands = [
        h.hand().await,
        h.hand().await,
        h.hand().await,
        h.hand().await,
    ];
    let mut seen = HashSet::new();
    loop {
        let claims = hands.iter().enumerate().map(|(at, hand)| {
            let params = hand.next_claim(vec![want("default", 7)], 7);
            stores[at % 2].claim(params)
        });
        let claimed = join_all(claims).await.into_iter();
        let claimed: Vec<ClaimedJob> = claimed.flat_map(|answer| answer.unwrap()).collect();
        if claimed.is_empty() {
            break;
        }
        for job in &claimed {
            assert!(seen.insert(job.id), "{} was handed out twice", job.id);
        }
        let settles = claimed.chunks(5).enumerate().map(|(at, chunk)| {
            let items = chunk.iter().map(|job| end_of(job, DONE));
            stores[at % 2].settle(items.collect())
        });
        for answer in join_all(settles).await {
            let kept = Settled::Kept(State::Completed);
            assert!(answer.unwrap().iter().all(|settled| *settled == kept));
        }
    }
    assert_eq!(seen, all);
}

pub(crate) async fn the_clock_is_the_stores_and_stands_between_calls(h: &Harness) {
    let start = h.now().await;
    assert_eq!(start, windlass_tests::backends::start());
    assert_eq!(h.now().await, start);
    h.advance(secs(3) + MICROSECOND).await;
    assert_eq!(h.now().await, start + secs(3) + MICROSECOND);
    assert_eq!(h.another().await.now().await.unwrap(), h.now().await);
}

pub(crate) async fn a_store_says_what_it_can_do(h: &Harness) {
    let capabilities = h.store.capabilities();
    assert_ne!(capabilities.name, "");
    assert_eq!(capabilities, h.another().await.capabilities());
    let machines = capabilities.shared_by_machines;
    assert!(!machines || capabilities.shared_by_processes);
}

pub(crate) async fn a_closed_store_refuses_every_call(h: &Harness) {
    let id = h.enqueue(job()).await;
    let hand = h.hand().await;
    let claimed = hand.take().await;
    h.store.close().await;
    h.store.close().await;
    let gone = |error: Error| assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    gone(h.store.enqueue(vec![job()]).await.unwrap_err());
    gone(h.store.get(vec![id]).await.unwrap_err());
    gone(h.store.now().await.unwrap_err());
    gone(h.store.queues().await.unwrap_err());
    gone(h.store.promote(1).await.unwrap_err());
    gone(hand.beat().await.unwrap_err());
    let items = vec![end_of(&claimed, DONE)];
    gone(h.store.settle(items).await.unwrap_err());
    let params = hand.next_claim(vec![want("default", 1)], 1);
    gone(h.store.claim(params).await.unwrap_err());
}
