//! How jobs are stopped.

use bytes::Bytes;

use shared::{
    job::{
        JobId, State,
        attempt::{ErrorKind, Failure},
        outcome::Ending,
    },
    store::{CancelParams, Cancelled, Settled},
};
use windlass_tests::{
    Harness,
    make::{DONE, discard, done, job, retry, secs, snooze, stopped},
};

pub(crate) async fn a_job_that_waits_is_cancelled_at_once(h: &Harness) {
    let available = h.enqueue(job()).await;
    let scheduled = h.enqueue(job().delay(secs(1))).await;
    h.cancel(available, "first").await;
    let retried = h.run(job(), retry(secs(1))).await;
    assert_eq!(h.cancel(scheduled, "not needed").await, Cancelled::Done);
    assert_eq!(h.cancel(retried, "not needed").await, Cancelled::Done);
    let now = h.now().await;
    for id in [scheduled, retried] {
        let found = h.detail(id).await;
        assert_eq!(found.summary.state, State::Cancelled);
        assert_eq!(found.summary.ended_at, Some(now));
        assert_eq!(
            (found.summary.due_at, found.summary.claimed_at),
            (None, None)
        );
        let reason = "not needed".to_owned();
        assert_eq!(found.cancel_requested, Some((now, reason)));
    }
    assert_eq!(h.detail(retried).await.errors.len(), 1);
    h.advance(secs(9)).await;
    assert_eq!(h.promote().await.count, 0);
    assert_eq!(h.hand().await.claim(9).await, []);
}

pub(crate) async fn a_job_that_runs_is_asked_to_stop(h: &Harness) {
    let id = h.enqueue(job()).await;
    let hand = h.hand().await;
    let claimed = hand.take().await;
    let asked_at = h.now().await;
    assert_eq!(h.cancel(id, "first").await, Cancelled::Requested);
    h.advance(secs(1)).await;
    assert_eq!(h.cancel(id, "second").await, Cancelled::Requested);
    let found = h.detail(id).await;
    assert_eq!(found.summary.state, State::Running);
    let first = Some((asked_at, "first".to_owned()));
    assert_eq!(found.cancel_requested, first);
    assert_eq!(hand.beat().await.unwrap(), [(id, "first".to_owned())]);
    h.settle(&claimed, stopped()).await;
    assert_eq!(h.detail(id).await.cancel_requested, first);
}

/// How an attempt may end when somebody wants its job stopped: the ending, the state it leads
/// to, whether the attempt counts, how many errors it leaves.
fn endings() -> Vec<(Ending, State, u32, usize)> {
    let because = Ending::Snooze {
        wait: secs(1),
        failure: Some(Failure::new(ErrorKind::Snoozed, "later")),
    };
    vec![
        (DONE, State::Completed, 1, 0),
        (done("{}"), State::Completed, 1, 0),
        (discard(), State::Discarded, 1, 1),
        (stopped(), State::Cancelled, 1, 1),
        (retry(secs(5)), State::Cancelled, 1, 1),
        (retry(secs(0)), State::Cancelled, 1, 1),
        (snooze(secs(5)), State::Cancelled, 0, 0),
        (snooze(secs(0)), State::Cancelled, 0, 0),
        (because, State::Cancelled, 0, 1),
        (Ending::Release, State::Cancelled, 0, 0),
    ]
}

pub(crate) async fn a_job_that_was_to_be_stopped_runs_no_more(h: &Harness) {
    let hand = h.hand().await;
    for (ending, state, attempt, errors) in endings() {
        let id = h.enqueue(job()).await;
        let claimed = hand.take().await;
        h.cancel(id, "not needed").await;
        let settled = h.settle(&claimed, ending.clone()).await;
        assert_eq!(settled, Settled::Kept(state), "{ending:?}");
        let found = h.detail(id).await;
        assert_eq!(found.summary.state, state, "{ending:?}");
        assert_eq!(found.summary.attempt, attempt, "{ending:?}");
        assert_eq!(found.errors.len(), errors, "{ending:?}");
        assert_eq!(found.summary.ended_at, Some(h.now().await));
        assert_eq!(found.summary.claimed_at, Some(claimed.claimed_at));
        let result = (ending == done("{}")).then(|| Bytes::from_static(b"{}"));
        assert_eq!(found.result, result);
    }
    assert_eq!(hand.claim(20).await, []);
}

pub(crate) async fn items_are_judged_one_by_one(h: &Harness) {
    let completed = h.run(job(), DONE).await;
    let dead = h.run(job(), discard()).await;
    let running = h.enqueue(job()).await;
    h.hand().await.take().await;
    let waiting = h.enqueue(job()).await;
    let params = CancelParams {
        ids: vec![
            completed,
            waiting,
            JobId::generate(),
            running,
            dead,
            waiting,
        ],
        reason: "clean up".to_owned(),
    };
    let expected = [
        Cancelled::Ended(State::Completed),
        Cancelled::Done,
        Cancelled::Unknown,
        Cancelled::Requested,
        Cancelled::Ended(State::Discarded),
        Cancelled::Ended(State::Cancelled),
    ];
    assert_eq!(h.store.cancel(params).await.unwrap(), expected);
    assert_eq!(h.detail(completed).await.cancel_requested, None);
}
