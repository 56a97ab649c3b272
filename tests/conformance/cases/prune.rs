//! How what ended is forgotten.

use bytes::Bytes;
use std::time::Duration;

use shared::{
    job::{JobId, State},
    store::{Enqueued, Filter, HeartbeatParams, Progress, PruneParams, Pruned, Retention},
};
use windlass_tests::{
    Harness,
    harness::LEASE,
    make::{DONE, MICROSECOND, discard, done, job, jobs, just_before, retry, secs, tag, tagged},
};

pub(crate) async fn each_state_has_its_own_retention(h: &Harness) {
    let completed = h.run(job(), DONE).await;
    let dead = h.run(job(), discard()).await;
    let stopped = h.enqueue(job()).await;
    h.cancel(stopped, "not needed").await;
    let params = PruneParams {
        retention: Retention {
            completed: secs(1),
            cancelled: secs(2),
            discarded: secs(3),
        },
        limit: 10,
    };
    for forgotten in [completed, stopped, dead] {
        h.advance(just_before(secs(1))).await;
        assert_eq!(h.store.prune(params).await.unwrap(), Pruned::default());
        assert!(h.find(forgotten).await.is_some());
        h.advance(MICROSECOND).await;
        let pruned = h.store.prune(params).await.unwrap();
        assert_eq!(
            pruned,
            Pruned {
                count: 1,
                more: false
            }
        );
        assert_eq!(h.find(forgotten).await, None);
    }
}

pub(crate) async fn what_has_not_ended_is_never_forgotten(h: &Harness) {
    let retried = h.run(job(), retry(secs(900))).await;
    let running = h.enqueue(job()).await;
    h.hand().await.take().await;
    let available = h.enqueue(job()).await;
    let scheduled = h.enqueue(job().delay(secs(900))).await;
    h.advance(secs(800)).await;
    assert_eq!(h.prune(secs(0), 10).await, Pruned::default());
    for id in [retried, running, available, scheduled] {
        assert!(h.find(id).await.is_some());
    }
}

pub(crate) async fn a_step_is_bounded_and_says_whether_there_is_more(h: &Harness) {
    h.enqueue_all(jobs(7)).await;
    let hand = h.hand().await;
    for (at, claimed) in hand.claim(7).await.iter().enumerate() {
        let ending = if at % 2 == 0 { DONE } else { discard() };
        h.settle(claimed, ending).await;
    }
    assert_eq!(
        h.prune(secs(0), 3).await,
        Pruned {
            count: 3,
            more: true
        }
    );
    assert_eq!(h.list(Filter::default(), 10).await.len(), 4);
    assert_eq!(
        h.prune(secs(0), 3).await,
        Pruned {
            count: 3,
            more: true
        }
    );
    assert_eq!(
        h.prune(secs(0), 3).await,
        Pruned {
            count: 1,
            more: false
        }
    );
    assert_eq!(h.prune(secs(0), 3).await, Pruned::default());
}

pub(crate) async fn the_limit_may_be_nothing_or_as_large_as_can_be(h: &Harness) {
    h.run(job(), DONE).await;
    h.run(job(), discard()).await;
    assert_eq!(
        h.prune(secs(0), 0).await,
        Pruned {
            count: 0,
            more: true
        }
    );
    let all = h.prune(secs(0), usize::MAX).await;
    assert_eq!(
        all,
        Pruned {
            count: 2,
            more: false
        }
    );
}

pub(crate) async fn an_endless_retention_forgets_nothing(h: &Harness) {
    let id = h.run(job(), DONE).await;
    h.advance(Duration::from_hours(24 * 3650)).await;
    assert_eq!(h.prune(Duration::MAX, 10).await, Pruned::default());
    assert!(h.find(id).await.is_some());
}

pub(crate) async fn all_that_hangs_on_a_job_goes_with_it(h: &Harness) {
    let first = job().tag(tag("t"));
    h.enqueue(first.clone()).await;
    let hand = h.hand().await;
    h.settle(&hand.take().await, retry(secs(0))).await;
    let claimed = hand.take().await;
    let progress = Progress {
        id: claimed.id,
        token: claimed.token,
        value: Bytes::from_static(b"1"),
    };
    let params = HeartbeatParams {
        worker: hand.id,
        lease: LEASE,
        progress: vec![progress],
    };
    h.store.heartbeat(params).await.unwrap();
    h.cancel(first.id, "too late").await;
    h.settle(&claimed, done("{}")).await;
    h.prune(secs(0), 10).await;
    assert_eq!(h.list(tagged("t"), 10).await, []);
    // The same id may come again, and begins with nothing.
    let anew = job();
    let again = shared::job::NewJob {
        id: first.id,
        ..anew
    };
    let accepted = h.try_enqueue(again).await;
    assert_eq!(accepted, Enqueued::New(State::Available));
    let found = h.detail(first.id).await;
    assert_eq!(
        (found.errors, found.progress, found.result),
        (vec![], None, None)
    );
    assert_eq!(found.cancel_requested, None);
    assert_eq!(found.summary.tags, []);
    assert_eq!(found.summary.attempt, 0);
}

pub(crate) async fn a_forgotten_job_is_unknown_to_everybody(h: &Harness) {
    h.enqueue(job()).await;
    let hand = h.hand().await;
    let claimed = hand.take().await;
    h.settle(&claimed, DONE).await;
    h.prune(secs(0), 10).await;
    let settled = h.settle(&claimed, DONE).await;
    assert_ne!(settled, shared::store::Settled::Kept(State::Completed));
    let cancelled = h.cancel(claimed.id, "late").await;
    assert_eq!(cancelled, shared::store::Cancelled::Unknown);
    assert_eq!(h.find(claimed.id).await, None);
}

pub(crate) async fn a_dead_letters_retention_counts_from_its_death(h: &Harness) {
    let dead = h.run(job(), discard()).await;
    h.advance(secs(8)).await;
    let replay = shared::store::Replay {
        dead,
        new: JobId::generate(),
        args: None,
        trace: None,
    };
    h.store.replay(vec![replay.clone()]).await.unwrap();
    h.advance(secs(2)).await;
    assert_eq!(h.prune(secs(10), 10).await.count, 1);
    assert_eq!(h.find(dead).await, None);
    // The new run still knows where it came from.
    let found = h.detail(replay.new).await;
    assert_eq!(found.summary.replay_of, Some(dead));
    let answer = h.store.replay(vec![replay]).await.unwrap();
    assert_eq!(answer, [shared::store::Replayed::Unknown]);
}
