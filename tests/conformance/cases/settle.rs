//! How attempts end, and who may end them.

use bytes::Bytes;

use shared::{
    job::{
        AttemptError, ClaimedJob, JobDetail, JobId, State,
        attempt::{ErrorKind, Failure, MAX_KEPT, MAX_MESSAGE},
        outcome::Ending,
    },
    lease::{LeaseToken, WorkerId},
    store::{Settle, Settled},
};
use windlass_tests::{
    Harness,
    harness::LEASE,
    make::{DONE, discard, done, end_of, failure, job, jobs, retry, secs, snooze, stopped},
};

/// Enqueues and claims one job, a second later.
async fn started(h: &Harness) -> ClaimedJob {
    h.enqueue(job()).await;
    h.advance(secs(1)).await;
    h.hand().await.take().await
}

/// Claims one job, lets its attempt take a second and end so; answers what is known then.
async fn ended(h: &Harness, ending: Ending, state: State) -> (ClaimedJob, JobDetail) {
    let claimed = started(h).await;
    h.advance(secs(1)).await;
    assert_eq!(h.settle(&claimed, ending).await, Settled::Kept(state));
    let found = h.detail(claimed.id).await;
    assert_eq!(found.summary.state, state);
    assert_eq!(found.worker, None);
    (claimed, found)
}

/// The instants of a job that has ended.
async fn assert_ended_now(h: &Harness, claimed: &ClaimedJob, found: &JobDetail) {
    let summary = &found.summary;
    assert_eq!(summary.ended_at, Some(h.now().await));
    assert_eq!(summary.claimed_at, Some(claimed.claimed_at));
    assert_eq!(summary.due_at, None);
}

/// The error that the attempt which just ended left.
async fn error(h: &Harness, claimed: &ClaimedJob, failure: Failure) -> AttemptError {
    AttemptError {
        attempt: claimed.attempt,
        at: h.now().await,
        worker: claimed.token.worker.0,
        failure,
    }
}

pub(crate) async fn a_completed_job_keeps_its_result(h: &Harness) {
    let (claimed, found) = ended(h, done("{\"sum\":7}"), State::Completed).await;
    assert_ended_now(h, &claimed, &found).await;
    assert_eq!(found.result.as_deref(), Some(&b"{\"sum\":7}"[..]));
    assert_eq!(found.summary.attempt, 1);
    assert_eq!(found.errors, []);
    let (_, found) = ended(h, DONE, State::Completed).await;
    assert_eq!(found.result, None);
}

pub(crate) async fn a_retry_waits_and_counts(h: &Harness) {
    let (claimed, found) = ended(h, retry(secs(5)), State::Retryable).await;
    let kept = error(h, &claimed, failure("it failed")).await;
    assert_eq!(found.errors, std::slice::from_ref(&kept));
    assert_eq!(found.summary.last_error, Some(kept));
    assert_eq!(found.summary.attempt, 1);
    assert_eq!(found.summary.due_at, Some(h.now().await + secs(5)));
    assert_eq!(found.summary.claimed_at, None);
    assert_eq!(found.summary.ended_at, None);
    h.advance(secs(5)).await;
    h.promote().await;
    let again = h.hand().await.take().await;
    assert_eq!((again.id, again.attempt), (claimed.id, 2));
}

pub(crate) async fn a_retry_without_a_wait_is_available_at_once(h: &Harness) {
    let (claimed, found) = ended(h, retry(secs(0)), State::Available).await;
    assert_eq!(found.summary.due_at, Some(h.now().await));
    let again = h.hand().await.take().await;
    assert_eq!((again.id, again.attempt), (claimed.id, 2));
    assert_eq!(again.available_at, h.now().await);
}

pub(crate) async fn a_snooze_does_not_count_the_attempt(h: &Harness) {
    let (claimed, found) = ended(h, snooze(secs(5)), State::Scheduled).await;
    assert_eq!(found.summary.attempt, 0);
    assert_eq!(found.summary.due_at, Some(h.now().await + secs(5)));
    assert_eq!(found.errors, []);
    h.store.run_now(vec![claimed.id]).await.unwrap();
    let again = h.hand().await.take().await;
    assert_eq!((again.id, again.attempt), (claimed.id, 1));
}

pub(crate) async fn a_snooze_may_say_why(h: &Harness) {
    let why = Failure::new(ErrorKind::Snoozed, "rate limited");
    let ending = Ending::Snooze {
        wait: secs(0),
        failure: Some(why.clone()),
    };
    let (claimed, found) = ended(h, ending, State::Available).await;
    assert_eq!(found.errors, [error(h, &claimed, why).await]);
    assert_eq!(found.summary.attempt, 0);
}

pub(crate) async fn a_job_that_is_handed_back_lost_nothing(h: &Harness) {
    let before = h.enqueue(job()).await;
    let accepted = h.detail(before).await;
    let hand = h.hand().await;
    h.advance(secs(1)).await;
    let claimed = hand.take().await;
    let settled = h.settle(&claimed, Ending::Release).await;
    assert_eq!(settled, Settled::Kept(State::Available));
    assert_eq!(h.detail(before).await, accepted);
}

pub(crate) async fn a_handler_may_stop_or_discard_its_job(h: &Harness) {
    for (ending, state, kind, message) in [
        (
            stopped(),
            State::Cancelled,
            ErrorKind::Cancelled,
            "no longer wanted",
        ),
        (
            discard(),
            State::Discarded,
            ErrorKind::Refused,
            "never again",
        ),
    ] {
        let (claimed, found) = ended(h, ending, state).await;
        assert_ended_now(h, &claimed, &found).await;
        let kept = error(h, &claimed, Failure::new(kind, message)).await;
        assert_eq!(found.errors, [kept]);
        assert_eq!(found.summary.attempt, 1);
        assert_eq!(found.cancel_requested, None);
        assert_eq!(h.hand().await.claim(5).await, []);
    }
}

pub(crate) async fn a_settle_that_is_repeated_changes_nothing(h: &Harness) {
    for ending in [
        DONE,
        done("1"),
        stopped(),
        discard(),
        retry(secs(5)),
        snooze(secs(5)),
    ] {
        let claimed = started(h).await;
        let first = h.settle(&claimed, ending.clone()).await;
        assert!(matches!(first, Settled::Kept(_)), "{first:?}");
        let before = h.detail(claimed.id).await;
        h.advance(secs(1)).await;
        let again = h.settle(&claimed, ending.clone()).await;
        let told = matches!(again, Settled::Repeated | Settled::Fenced);
        assert!(told, "{ending:?}: {again:?}");
        assert_eq!(h.detail(claimed.id).await, before);
        let other = h.settle(&claimed, done("2")).await;
        assert!(!matches!(other, Settled::Kept(_)), "{ending:?}: {other:?}");
        assert_eq!(h.detail(claimed.id).await, before);
    }
}

pub(crate) async fn a_completion_that_is_repeated_at_once_is_recognised(h: &Harness) {
    let claimed = started(h).await;
    h.settle(&claimed, DONE).await;
    assert_eq!(h.settle(&claimed, DONE).await, Settled::Repeated);
}

pub(crate) async fn a_token_that_is_not_held_changes_nothing(h: &Harness) {
    let two = h.enqueue_all(jobs(2)).await;
    let hand = h.hand().await;
    let other = h.hand().await;
    let claimed = hand.claim(1).await.remove(0);
    let theirs = other.claim(1).await.remove(0);
    let token = claimed.token;
    for (id, token) in [
        (
            claimed.id,
            LeaseToken {
                worker: other.id,
                ..token
            },
        ),
        (
            claimed.id,
            LeaseToken {
                worker: WorkerId(99),
                ..token
            },
        ),
        (claimed.id, LeaseToken { claim: 2, ..token }),
        (claimed.id, theirs.token),
        (theirs.id, token),
        (JobId::generate(), token),
    ] {
        let progress = Some(Bytes::from_static(b"1"));
        let item = Settle {
            id,
            token,
            progress,
            ..end_of(&claimed, DONE)
        };
        let settled = h.store.settle(vec![item]).await;
        assert_eq!(settled.unwrap(), [Settled::Fenced], "{id} {token:?}");
    }
    for id in two {
        let found = h.detail(id).await;
        assert_eq!(found.summary.state, State::Running);
        assert_eq!(found.progress, None);
    }
}

pub(crate) async fn progress_may_come_with_the_end(h: &Harness) {
    for ending in [
        DONE,
        retry(secs(5)),
        snooze(secs(5)),
        discard(),
        stopped(),
        Ending::Release,
    ] {
        let claimed = started(h).await;
        let told = Bytes::from(format!("{{\"{}\":1}}", claimed.id));
        let item = Settle {
            progress: Some(told.clone()),
            ..end_of(&claimed, ending.clone())
        };
        let settled = h.store.settle(vec![item.clone()]).await.unwrap();
        assert!(matches!(settled[..], [Settled::Kept(_)]), "{settled:?}");
        let progress = h.detail(claimed.id).await.progress;
        assert_eq!(progress, Some(told.clone()), "{ending:?}");
        // Its repetition changes nothing, with other progress neither.
        let item = Settle {
            progress: Some(Bytes::from_static(b"2")),
            ..item
        };
        h.store.settle(vec![item]).await.unwrap();
        assert_eq!(h.detail(claimed.id).await.progress, Some(told));
        h.cancel(claimed.id, "make room").await;
    }
}

pub(crate) async fn an_end_without_progress_leaves_what_was_there(h: &Harness) {
    h.enqueue(job()).await;
    let hand = h.hand().await;
    let first = hand.take().await;
    let item = Settle {
        progress: Some(Bytes::from_static(b"7")),
        ..end_of(&first, retry(secs(0)))
    };
    h.store.settle(vec![item]).await.unwrap();
    let second = hand.take().await;
    assert_eq!(second.progress.as_deref(), Some(&b"7"[..]));
    h.settle(&second, DONE).await;
    let progress = h.detail(second.id).await.progress;
    assert_eq!(progress.as_deref(), Some(&b"7"[..]));
}

pub(crate) async fn a_zombie_cannot_end_another_workers_attempt(h: &Harness) {
    let zombie = started(h).await;
    h.advance(LEASE).await;
    h.rescue().await;
    assert_eq!(h.settle(&zombie, done("old")).await, Settled::Fenced);
    let claimed = h.hand().await.take().await;
    assert_eq!(claimed.id, zombie.id);
    let before = h.detail(claimed.id).await;
    for ending in [done("old"), retry(secs(1)), discard(), Ending::Release] {
        assert_eq!(h.settle(&zombie, ending).await, Settled::Fenced);
    }
    assert_eq!(h.detail(claimed.id).await, before);
    let settled = h.settle(&claimed, done("new")).await;
    assert_eq!(settled, Settled::Kept(State::Completed));
    assert_eq!(h.settle(&zombie, done("old")).await, Settled::Fenced);
    let result = h.detail(claimed.id).await.result;
    assert_eq!(result.as_deref(), Some(&b"new"[..]));
}

pub(crate) async fn a_settle_after_the_lease_but_before_the_rescue_is_kept(h: &Harness) {
    let claimed = started(h).await;
    h.advance(LEASE * 2).await;
    let settled = h.settle(&claimed, DONE).await;
    assert_eq!(settled, Settled::Kept(State::Completed));
    assert_eq!(h.rescue().await.requeued, []);
}

pub(crate) async fn items_are_judged_one_by_one_in_their_order(h: &Harness) {
    h.enqueue_all(jobs(3)).await;
    let claimed = h.hand().await.claim(3).await;
    let item = |at: usize, ending| end_of(&claimed[at], ending);
    let stale = LeaseToken {
        claim: 9,
        ..claimed[1].token
    };
    let answer = h
        .store
        .settle(vec![
            item(2, discard()),
            Settle {
                token: stale,
                ..item(1, DONE)
            },
            item(0, retry(secs(5))),
            item(2, DONE),
            item(1, DONE),
        ])
        .await
        .unwrap();
    assert_eq!(answer.len(), 5);
    assert_eq!(answer[0], Settled::Kept(State::Discarded));
    assert_eq!(answer[1], Settled::Fenced);
    assert_eq!(answer[2], Settled::Kept(State::Retryable));
    assert!(!matches!(answer[3], Settled::Kept(_)), "{:?}", answer[3]);
    assert_eq!(answer[4], Settled::Kept(State::Completed));
    assert_eq!(h.state(claimed[2].id).await, State::Discarded);
    assert_eq!(h.store.settle(Vec::new()).await.unwrap(), []);
}

pub(crate) async fn a_large_batch_is_settled(h: &Harness) {
    h.enqueue_all(jobs(1_500)).await;
    let claimed = h.hand().await.claim(1_500).await;
    assert_eq!(claimed.len(), 1_500);
    let items = claimed.iter().map(|job| end_of(job, DONE));
    let answer = h.store.settle(items.collect()).await.unwrap();
    assert_eq!(answer.len(), 1_500);
    let kept = Settled::Kept(State::Completed);
    assert!(answer.iter().all(|settled| *settled == kept));
    assert_eq!(h.queue("default").await.count(State::Completed), 1_500);
}

pub(crate) async fn errors_are_kept_per_attempt_and_the_newest_fifty(h: &Harness) {
    let id = h.enqueue(job().max_attempts(1000)).await;
    let hand = h.hand().await;
    let mut expected = Vec::new();
    for attempt in 1..=60 {
        let claimed = hand.take().await;
        assert_eq!(claimed.attempt, attempt);
        let failure = failure(&format!("failure {attempt}")).of_type("io::Error");
        expected.push(error(h, &claimed, failure.clone()).await);
        let wait = secs(0);
        h.settle(&claimed, Ending::Retry { wait, failure }).await;
        let found = h.detail(id).await;
        let newest = &expected[expected.len().saturating_sub(MAX_KEPT)..];
        assert_eq!(found.errors, newest);
        assert_eq!(found.summary.last_error.as_ref(), newest.last());
        h.advance(std::time::Duration::from_millis(1)).await;
    }
}

pub(crate) async fn the_longest_message_is_kept(h: &Harness) {
    let message = "ü\u{0}\n\"".repeat(MAX_MESSAGE / 5);
    let failure = Failure::new(ErrorKind::Panicked, message);
    let ending = Ending::Discard {
        failure: failure.clone(),
    };
    let (_, found) = ended(h, ending, State::Discarded).await;
    assert_eq!(found.errors[0].failure, failure);
}

pub(crate) async fn attempts_that_do_not_count_share_a_number(h: &Harness) {
    h.enqueue(job()).await;
    let hand = h.hand().await;
    let mut numbers = Vec::new();
    for ending in [
        retry(secs(0)),
        snooze(secs(0)),
        Ending::Release,
        retry(secs(0)),
        DONE,
    ] {
        let claimed = hand.take().await;
        numbers.push(claimed.attempt);
        h.settle(&claimed, ending).await;
    }
    assert_eq!(numbers, [1, 2, 2, 2, 3]);
}
