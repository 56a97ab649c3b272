//! Counts: what a queue says it holds is what it holds. Every case of the suite ends with a
//! recount ([`Harness::recount`]); here it is done along the way, where counts are easily lost.

use shared::{
    job::{State, UniquePolicy, outcome::Ending},
    store::{Filter, Replay},
};
use windlass_tests::{
    Harness,
    harness::LEASE,
    make::{DONE, discard, job, job_in, jobs, retry, secs, snooze, stopped, unique},
};

pub(crate) async fn counts_follow_every_way_an_attempt_ends(h: &Harness) {
    let hand = h.hand().await;
    for ending in [
        DONE,
        retry(secs(0)),
        retry(secs(9)),
        snooze(secs(0)),
        snooze(secs(9)),
        stopped(),
        discard(),
        Ending::Release,
    ] {
        for stop in [false, true] {
            let id = h.enqueue(job()).await;
            let claimed = hand.claim(100).await;
            let mine = claimed.iter().find(|job| job.id == id).unwrap();
            if stop {
                h.cancel(id, "not needed").await;
            }
            h.settle(mine, ending.clone()).await;
            h.settle(mine, ending.clone()).await;
            h.recount().await;
        }
    }
}

pub(crate) async fn counts_follow_what_is_refused(h: &Harness) {
    let keyed = || job().unique(unique("k", UniquePolicy::UntilFinished));
    let first = keyed();
    h.enqueue(first.clone()).await;
    for _ in 0..3 {
        h.store.enqueue(vec![keyed(), first.clone()]).await.unwrap();
    }
    h.store
        .enqueue(vec![job(), job().max_attempts(0)])
        .await
        .unwrap_err();
    assert_eq!(h.queue("default").await.count(State::Available), 1);
    h.recount().await;
}

pub(crate) async fn counts_follow_deaths_and_new_runs(h: &Harness) {
    h.enqueue_all(jobs(7)).await;
    for _ in 0..3 {
        h.hand().await.claim(5).await;
        h.advance(LEASE).await;
        while h.rescue_some(2).await.workers.is_empty() {
            h.recount().await;
        }
        h.recount().await;
    }
    let filter = Filter {
        states: [State::Discarded].into(),
        ..Filter::default()
    };
    let dead = h.list(filter, 100).await;
    assert!(!dead.is_empty());
    for job in dead {
        let replay = Replay {
            dead: job.id,
            new: shared::job::JobId::generate(),
            args: None,
            trace: None,
        };
        h.store.replay(vec![replay.clone(), replay]).await.unwrap();
        h.recount().await;
    }
}

pub(crate) async fn counts_follow_promotion_stopping_and_pruning(h: &Harness) {
    let scheduled = h.enqueue_all((0..9).map(|n| job_in("q").delay(secs(n))).collect());
    let scheduled = scheduled.await;
    for step in 0..5 {
        h.advance(secs(2)).await;
        h.store.promote(1).await.unwrap();
        h.store.run_now(vec![scheduled[8 - step]]).await.unwrap();
        h.cancel(scheduled[step], "not needed").await;
        h.recount().await;
        h.prune(secs(3), 1).await;
        h.recount().await;
    }
    h.store
        .set_paused(windlass_tests::make::queue("q"), true)
        .await
        .unwrap();
    h.recount().await;
}
