//! How jobs that wait for their time become available: when it has come, or at once when asked.

use shared::{
    job::{JobId, State},
    store::{Promoted, RunNow},
};
use windlass_tests::{
    Harness,
    make::{DONE, MICROSECOND, job, just_before, priority, queue, retry, secs},
};

pub(crate) async fn a_job_is_due_at_its_instant_and_no_sooner(h: &Harness) {
    let scheduled = h.enqueue(job().delay(secs(5))).await;
    let retried = h.run(job(), retry(secs(5))).await;
    h.advance(just_before(secs(5))).await;
    let early = h.promote().await;
    let next_in = Some(MICROSECOND);
    assert_eq!(early, Promoted { count: 0, next_in });
    assert_eq!(h.state(scheduled).await, State::Scheduled);
    assert_eq!(h.state(retried).await, State::Retryable);
    h.advance(MICROSECOND).await;
    let next_in = None;
    assert_eq!(h.promote().await, Promoted { count: 2, next_in });
    for id in [scheduled, retried] {
        let summary = h.detail(id).await.summary;
        assert_eq!(summary.state, State::Available);
        assert_eq!(summary.due_at, Some(h.now().await));
    }
    assert_eq!(h.promote().await, Promoted::default());
}

pub(crate) async fn a_job_became_available_when_it_was_promoted(h: &Harness) {
    let id = h.enqueue(job().delay(secs(5))).await;
    h.advance(secs(9)).await;
    h.promote().await;
    let promoted_at = h.now().await;
    assert_eq!(h.detail(id).await.summary.due_at, Some(promoted_at));
    h.advance(secs(1)).await;
    assert_eq!(h.hand().await.take().await.available_at, promoted_at);
}

pub(crate) async fn a_step_is_bounded_and_the_longest_due_come_first(h: &Harness) {
    let mut ids = Vec::new();
    for delay in [3, 1, 2, 9] {
        ids.push(h.enqueue(job().delay(secs(delay))).await);
    }
    h.advance(secs(4)).await;
    let next_in = Some(secs(0));
    assert_eq!(
        h.store.promote(2).await.unwrap(),
        Promoted { count: 2, next_in }
    );
    assert_eq!(h.state(ids[0]).await, State::Scheduled);
    assert_eq!(h.state(ids[1]).await, State::Available);
    assert_eq!(h.state(ids[2]).await, State::Available);
    let next_in = Some(secs(5));
    assert_eq!(
        h.store.promote(2).await.unwrap(),
        Promoted { count: 1, next_in }
    );
    assert_eq!(
        h.store.promote(2).await.unwrap(),
        Promoted { count: 0, next_in }
    );
}

pub(crate) async fn the_limit_may_be_nothing_or_as_large_as_can_be(h: &Harness) {
    let id = h.enqueue(job().delay(secs(1))).await;
    h.advance(secs(1)).await;
    let next_in = Some(secs(0));
    assert_eq!(
        h.store.promote(0).await.unwrap(),
        Promoted { count: 0, next_in }
    );
    assert_eq!(h.state(id).await, State::Scheduled);
    let next_in = None;
    let all = h.store.promote(usize::MAX).await.unwrap();
    assert_eq!(all, Promoted { count: 1, next_in });
}

pub(crate) async fn a_promoted_job_keeps_its_priority(h: &Harness) {
    h.enqueue(job()).await;
    let urgent = h.enqueue(job().priority(priority(0)).delay(secs(1))).await;
    h.advance(secs(1)).await;
    h.promote().await;
    assert_eq!(h.hand().await.take().await.id, urgent);
}

pub(crate) async fn a_paused_queue_is_promoted_too(h: &Harness) {
    let id = h.enqueue(job().delay(secs(1))).await;
    h.store.set_paused(queue("default"), true).await.unwrap();
    h.advance(secs(1)).await;
    assert_eq!(h.promote().await.count, 1);
    assert_eq!(h.state(id).await, State::Available);
}

pub(crate) async fn jobs_that_wait_may_be_run_now(h: &Harness) {
    let scheduled = h.enqueue(job().delay(secs(500))).await;
    let retried = h.run(job(), retry(secs(500))).await;
    let both = vec![scheduled, retried];
    h.advance(secs(1)).await;
    for _ in 0..2 {
        let answer = h.store.run_now(both.clone()).await.unwrap();
        assert_eq!(answer, [RunNow::Done, RunNow::Done]);
    }
    let found = h.detail(scheduled).await.summary;
    assert_eq!(found.state, State::Available);
    assert_eq!(found.due_at, Some(h.now().await));
    let claimed = h.hand().await.claim(5).await;
    assert_eq!(claimed.len(), 2);
    assert_eq!(h.promote().await, Promoted::default());
}

pub(crate) async fn jobs_that_do_not_wait_are_left_as_they_are(h: &Harness) {
    let done = h.run(job(), DONE).await;
    let running = h.enqueue(job()).await;
    let hand = h.hand().await;
    hand.take().await;
    let available = h.enqueue(job()).await;
    let before = h.detail(available).await;
    h.advance(secs(1)).await;
    let unknown = JobId::generate();
    let ids = vec![unknown, running, available, done, available];
    let answer = h.store.run_now(ids).await.unwrap();
    let expected = [
        RunNow::Unknown,
        RunNow::NotWaiting(State::Running),
        RunNow::Done,
        RunNow::NotWaiting(State::Completed),
        RunNow::Done,
    ];
    assert_eq!(answer, expected);
    assert_eq!(h.detail(available).await, before);
}
