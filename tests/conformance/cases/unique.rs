//! Unique keys: who holds one, and what lets go of it.

use shared::{
    job::{NewJob, State, UniquePolicy},
    store::Enqueued,
};
use windlass_tests::{
    Harness,
    harness::LEASE,
    make::{
        DONE, MICROSECOND, discard, job, just_before, kind, queue, retry, secs, snooze, stopped,
        unique,
    },
};

const STARTED: UniquePolicy = UniquePolicy::UntilStarted;
const FINISHED: UniquePolicy = UniquePolicy::UntilFinished;
const NEW: Enqueued = Enqueued::New(State::Available);

fn keyed(policy: UniquePolicy) -> NewJob {
    job().unique(unique("k", policy))
}

pub(crate) async fn a_key_is_held_until_the_job_starts(h: &Harness) {
    let holder = h.enqueue(keyed(STARTED)).await;
    let refused = h.try_enqueue(keyed(STARTED)).await;
    assert_eq!(refused, Enqueued::Duplicate { holder });
    let hand = h.hand().await;
    assert_eq!(hand.take().await.id, holder);
    assert_eq!(h.try_enqueue(keyed(STARTED)).await, NEW);
}

pub(crate) async fn a_started_job_does_not_take_its_key_back(h: &Harness) {
    let hand = h.hand().await;
    let first = h.enqueue(keyed(STARTED)).await;
    let claimed = hand.take().await;
    let second = h.enqueue(keyed(STARTED)).await;
    h.settle(&claimed, retry(secs(0))).await;
    let duplicate = Enqueued::Duplicate { holder: second };
    assert_eq!(h.try_enqueue(keyed(STARTED)).await, duplicate);

    let both = hand.claim(2).await;
    assert_eq!(both.len(), 2);
    let third = h.enqueue(keyed(STARTED)).await;
    for job in both {
        assert!(job.id == first || job.id == second);
        h.settle(&job, DONE).await;
    }
    let duplicate = Enqueued::Duplicate { holder: third };
    assert_eq!(h.try_enqueue(keyed(STARTED)).await, duplicate);
}

pub(crate) async fn a_key_is_held_until_the_job_is_finished(h: &Harness) {
    let hand = h.hand().await;
    for last in [DONE, stopped(), discard()] {
        let holder = h.enqueue(keyed(FINISHED)).await;
        let duplicate = Enqueued::Duplicate { holder };
        for ending in [
            retry(secs(0)),
            snooze(secs(0)),
            snooze(secs(5)),
            retry(secs(5)),
        ] {
            assert_eq!(h.try_enqueue(keyed(FINISHED)).await, duplicate);
            let claimed = hand.take().await;
            assert_eq!(h.try_enqueue(keyed(FINISHED)).await, duplicate);
            h.settle(&claimed, ending).await;
            h.store.run_now(vec![holder]).await.unwrap();
        }
        h.settle(&hand.take().await, last).await;
        let next = h.enqueue(keyed(FINISHED)).await;
        assert_eq!(h.state(next).await, State::Available);
        h.settle(&hand.take().await, DONE).await;
    }
}

pub(crate) async fn a_job_that_is_stopped_while_it_waits_lets_go_of_its_key(h: &Harness) {
    for policy in [STARTED, FINISHED] {
        for waiting in [keyed(policy), keyed(policy).delay(secs(60))] {
            let id = h.enqueue(waiting).await;
            h.cancel(id, "not needed").await;
            let next = h.enqueue(keyed(policy)).await;
            h.cancel(next, "not needed").await;
        }
    }
}

pub(crate) async fn a_job_that_is_stopped_while_it_runs_holds_its_key_until_it_ends(h: &Harness) {
    let hand = h.hand().await;
    let holder = h.enqueue(keyed(FINISHED)).await;
    let claimed = hand.take().await;
    h.cancel(holder, "not needed").await;
    let duplicate = Enqueued::Duplicate { holder };
    assert_eq!(h.try_enqueue(keyed(FINISHED)).await, duplicate);
    h.settle(&claimed, retry(secs(5))).await;
    assert_eq!(h.state(holder).await, State::Cancelled);
    assert_eq!(h.try_enqueue(keyed(FINISHED)).await, NEW);
}

pub(crate) async fn a_rescued_job_holds_its_key_until_it_crashed_too_often(h: &Harness) {
    let holder = h.enqueue(keyed(FINISHED)).await;
    for crash in 1..=3 {
        let duplicate = Enqueued::Duplicate { holder };
        assert_eq!(h.try_enqueue(keyed(FINISHED)).await, duplicate, "{crash}");
        h.hand().await.take().await;
        h.advance(LEASE).await;
        h.rescue().await;
    }
    assert_eq!(h.state(holder).await, State::Discarded);
    assert_eq!(h.try_enqueue(keyed(FINISHED)).await, NEW);
}

pub(crate) async fn a_key_is_held_for_its_window_whatever_becomes_of_the_job(h: &Harness) {
    let policy = UniquePolicy::Window(secs(60));
    let holder = h.run(keyed(policy), DONE).await;
    let duplicate = Enqueued::Duplicate { holder };
    assert_eq!(h.try_enqueue(keyed(policy)).await, duplicate);
    h.advance(just_before(secs(60))).await;
    assert_eq!(h.try_enqueue(keyed(policy)).await, duplicate);
    h.advance(MICROSECOND).await;
    assert_eq!(h.try_enqueue(keyed(policy)).await, NEW);
}

pub(crate) async fn a_window_outlives_its_job(h: &Harness) {
    let policy = UniquePolicy::Window(secs(60));
    let holder = h.run(keyed(policy), DONE).await;
    h.advance(secs(1)).await;
    assert_eq!(h.prune(secs(1), 10).await.count, 1);
    assert_eq!(h.find(holder).await, None);
    let duplicate = Enqueued::Duplicate { holder };
    assert_eq!(h.try_enqueue(keyed(policy)).await, duplicate);
    h.advance(secs(59)).await;
    h.prune(secs(1), 10).await;
    assert_eq!(h.try_enqueue(keyed(policy)).await, NEW);
}

pub(crate) async fn a_window_that_was_taken_anew_is_not_pruned_with_the_old_one(h: &Harness) {
    let policy = UniquePolicy::Window(secs(60));
    let first = keyed(policy);
    h.run(first.clone(), DONE).await;
    h.prune(secs(0), 10).await;
    h.advance(secs(60)).await;
    let holder = h.enqueue(first).await;
    h.prune(secs(0), 10).await;
    let duplicate = Enqueued::Duplicate { holder };
    assert_eq!(h.try_enqueue(keyed(policy)).await, duplicate);
}

pub(crate) async fn the_holder_decides_how_long_the_key_is_held(h: &Harness) {
    let hand = h.hand().await;
    let holder = h.enqueue(keyed(FINISHED)).await;
    let claimed = hand.take().await;
    let window = UniquePolicy::Window(secs(1));
    let duplicate = Enqueued::Duplicate { holder };
    h.advance(secs(2)).await;
    assert_eq!(h.try_enqueue(keyed(STARTED)).await, duplicate);
    assert_eq!(h.try_enqueue(keyed(window)).await, duplicate);
    h.settle(&claimed, DONE).await;
    assert_eq!(h.try_enqueue(keyed(STARTED)).await, NEW);
}

pub(crate) async fn a_key_counts_within_its_queue_and_kind(h: &Harness) {
    h.enqueue(keyed(FINISHED)).await;
    let elsewhere = keyed(FINISHED).queue(queue("other"));
    assert_eq!(h.try_enqueue(elsewhere).await, NEW);
    let mut otherwise = keyed(FINISHED);
    otherwise.kind = kind("other");
    assert_eq!(h.try_enqueue(otherwise).await, NEW);
    let other_key = job().unique(unique("K", FINISHED));
    assert_eq!(h.try_enqueue(other_key).await, NEW);
}

pub(crate) async fn within_one_batch_the_first_wins_and_nobody_else_fails(h: &Harness) {
    let batch = vec![keyed(FINISHED), job(), keyed(FINISHED), job()];
    let holder = batch[0].id;
    let refused = batch[2].id;
    let answer = h.store.enqueue(batch).await.unwrap();
    assert_eq!(answer, [NEW, NEW, Enqueued::Duplicate { holder }, NEW]);
    assert_eq!(h.find(refused).await, None);
}

pub(crate) async fn a_repeated_job_is_no_duplicate_of_itself(h: &Harness) {
    let job = keyed(FINISHED);
    h.enqueue(job.clone()).await;
    assert_eq!(h.try_enqueue(job).await, Enqueued::Repeated);
}
