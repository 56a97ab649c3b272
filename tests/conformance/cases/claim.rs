//! How jobs are handed out.

use std::collections::HashSet;

use shared::{
    job::{ClaimedJob, JobId, NewJob, State},
    lease::{LeaseToken, WorkerId},
    store::{ClaimParams, Error},
};
use windlass_tests::{
    Hand, Harness,
    harness::LEASE,
    make::{
        DONE, MICROSECOND, job, job_in, jobs, just_before, priority, queue, retry, secs, snooze,
        want,
    },
};

fn ids(claimed: &[ClaimedJob]) -> Vec<JobId> {
    claimed.iter().map(|job| job.id).collect()
}

fn prior(number: u64) -> NewJob {
    job().priority(priority(number))
}

pub(crate) async fn jobs_come_in_the_order_of_acceptance(h: &Harness) {
    let mut batch = jobs(5);
    // The order of their ids means nothing.
    batch.reverse();
    let mut accepted = h.enqueue_all(batch).await;
    accepted.push(h.enqueue(job()).await);
    let hand = h.hand().await;
    assert_eq!(ids(&hand.claim(4).await), accepted[..4]);
    assert_eq!(ids(&hand.claim(4).await), accepted[4..]);
}

pub(crate) async fn a_lower_number_comes_first(h: &Harness) {
    let accepted = h
        .enqueue_all(vec![
            prior(9),
            prior(5),
            prior(0),
            prior(5),
            prior(9),
            prior(0),
        ])
        .await;
    let claimed = ids(&h.hand().await.claim(6).await);
    let by_priority = [2, 5, 1, 3, 0, 4].map(|at| accepted[at]);
    assert_eq!(claimed, by_priority);
}

pub(crate) async fn queues_come_in_the_order_of_the_wants(h: &Harness) {
    let a = h.enqueue_all(vec![job_in("a"), job_in("a")]).await;
    let b = h.enqueue_all(vec![job_in("b"), job_in("b")]).await;
    let claimed = h.hand().await.claim_from(&[("b", 2), ("a", 1)], 10).await;
    assert_eq!(ids(&claimed), [b[0], b[1], a[0]]);
}

pub(crate) async fn limits_hold(h: &Harness) {
    let mut batch = jobs(4);
    batch.extend((0..4).map(|_| job_in("other")));
    let accepted = h.enqueue_all(batch).await;
    let hand = h.hand().await;
    assert_eq!(
        hand.claim_from(&[("default", 0), ("other", 0)], 5).await,
        []
    );
    assert_eq!(hand.claim_from(&[("default", 5)], 0).await, []);
    let claimed = hand.claim_from(&[("default", 2), ("other", 3)], 3).await;
    assert_eq!(ids(&claimed), [accepted[0], accepted[1], accepted[4]]);
    // The same queue wanted twice is two wants.
    let twice = [("other", 1), ("default", 1), ("other", 1)];
    let claimed = hand.claim_from(&twice, 10).await;
    assert_eq!(ids(&claimed), [accepted[5], accepted[2], accepted[6]]);
    let rest = hand.claim_from(&[("default", usize::MAX), ("other", 9)], usize::MAX);
    assert_eq!(ids(&rest.await), [accepted[3], accepted[7]]);
}

pub(crate) async fn skips_paused_queues(h: &Harness) {
    let paused = h.enqueue(job_in("paused")).await;
    let open = h.enqueue(job_in("open")).await;
    h.store.set_paused(queue("paused"), true).await.unwrap();
    let hand = h.hand().await;
    let wants = [("paused", 5), ("open", 5), ("unknown", 5)];
    assert_eq!(ids(&hand.claim_from(&wants, 5).await), [open]);
    assert_eq!(h.state(paused).await, State::Available);
    h.store.set_paused(queue("paused"), false).await.unwrap();
    assert_eq!(ids(&hand.claim_from(&wants, 5).await), [paused]);
}

pub(crate) async fn only_available_jobs_are_handed_out(h: &Harness) {
    let hand = h.hand().await;
    h.run(job(), retry(secs(5))).await;
    h.run(job(), snooze(secs(5))).await;
    h.run(job(), DONE).await;
    let stopped = h.enqueue(job()).await;
    h.cancel(stopped, "not needed").await;
    h.enqueue(job().delay(secs(5))).await;
    let running = h.enqueue(job()).await;
    assert_eq!(hand.take().await.id, running);
    // What is due is not available before somebody promotes it.
    h.advance(secs(6)).await;
    assert_eq!(hand.claim(10).await, []);
}

pub(crate) async fn a_claimed_job_brings_everything(h: &Harness) {
    let job = prior(3).max_attempts(4);
    h.enqueue(job.clone()).await;
    let accepted_at = h.now().await;
    h.advance(secs(3)).await;
    let hand = h.hand().await;
    let claimed = hand.take().await;
    let expected = ClaimedJob {
        id: job.id,
        kind: job.kind,
        queue: job.queue,
        args: job.args,
        attempt: 1,
        max_attempts: 4,
        crashes: 0,
        timeout: None,
        backoff: None,
        trace: None,
        progress: None,
        accepted_at,
        available_at: accepted_at,
        claimed_at: accepted_at + secs(3),
        token: LeaseToken {
            worker: hand.id,
            claim: 1,
            slot: claimed.token.slot,
        },
    };
    assert_eq!(claimed, expected);
    let found = h.detail(job.id).await;
    assert_eq!(found.summary.state, State::Running);
    assert_eq!(found.summary.attempt, 1);
    assert_eq!(found.summary.due_at, Some(accepted_at));
    assert_eq!(found.summary.claimed_at, Some(accepted_at + secs(3)));
    assert_eq!(found.worker, Some(hand.id.0));
}

pub(crate) async fn a_repeated_claim_answers_what_is_still_held(h: &Harness) {
    h.enqueue_all(jobs(5)).await;
    let hand = h.hand().await;
    let params = hand.next_claim(vec![want("default", 3)], 3);
    let first = h.store.claim(params.clone()).await.unwrap();
    assert_eq!(first.len(), 3);
    let by_id = |mut claimed: Vec<ClaimedJob>| {
        claimed.sort_by_key(|job| job.id);
        claimed
    };
    h.advance(secs(1)).await;
    let again = h.store.claim(params.clone()).await.unwrap();
    assert_eq!(by_id(again), by_id(first.clone()));
    h.settle(&first[1], DONE).await;
    let again = h.store.claim(params.clone()).await.unwrap();
    assert_eq!(
        by_id(again),
        by_id(vec![first[0].clone(), first[2].clone()])
    );
    h.settle(&first[0], DONE).await;
    h.settle(&first[2], DONE).await;
    assert_eq!(h.store.claim(params).await.unwrap(), []);
    assert_eq!(hand.claim(5).await.len(), 2);
}

pub(crate) async fn an_older_claim_number_answers_nothing(h: &Harness) {
    h.enqueue_all(jobs(3)).await;
    let hand = h.hand().await;
    let old = hand.next_claim(vec![want("default", 1)], 1);
    assert_eq!(h.store.claim(old.clone()).await.unwrap().len(), 1);
    assert_eq!(hand.claim(1).await.len(), 1);
    assert_eq!(h.store.claim(old).await.unwrap(), []);
    assert_eq!(hand.claim(5).await.len(), 1);
}

pub(crate) async fn a_claim_that_found_nothing_may_be_repeated(h: &Harness) {
    let hand = h.hand().await;
    let params = hand.next_claim(vec![want("default", 1)], 1);
    assert_eq!(h.store.claim(params.clone()).await.unwrap(), []);
    let id = h.enqueue(job()).await;
    assert_eq!(ids(&h.store.claim(params).await.unwrap()), [id]);
}

pub(crate) async fn no_job_is_handed_out_twice(h: &Harness) {
    h.enqueue_all(jobs(20)).await;
    let (one, two) = (h.hand().await, h.hand().await);
    let mut seen = HashSet::new();
    for _ in 0..5 {
        for hand in [&one, &two] {
            for job in hand.claim(2).await {
                assert!(seen.insert(job.id), "{} twice", job.id);
                assert_eq!(job.token.worker, hand.id);
            }
        }
    }
    assert_eq!(seen.len(), 20);
}

pub(crate) async fn the_tokens_of_jobs_differ(h: &Harness) {
    h.enqueue_all(jobs(300)).await;
    let hand = h.hand().await;
    let mut tokens = HashSet::new();
    for _ in 0..3 {
        tokens.extend(hand.claim(100).await.iter().map(|job| job.token));
    }
    assert_eq!(tokens.len(), 300);
}

async fn claim_as(h: &Harness, worker: WorkerId) -> Result<Vec<ClaimedJob>, Error> {
    let wants = vec![want("default", 1)];
    let params = ClaimParams {
        worker,
        claim: 1,
        wants,
        max: 1,
    };
    h.store.claim(params).await
}

pub(crate) async fn a_worker_without_a_lease_is_told_and_gets_nothing(h: &Harness) {
    let id = h.enqueue(job()).await;
    let unknown = WorkerId(4711);
    let told = |refused: Result<Vec<ClaimedJob>, Error>, of: WorkerId| {
        let lost = matches!(refused, Err(Error::LeaseLost { worker }) if worker == of.0);
        assert!(lost, "{refused:?}");
    };
    told(claim_as(h, unknown).await, unknown);
    let left = h.hand().await;
    left.leave().await;
    told(claim_as(h, left.id).await, left.id);
    let expired = h.hand().await;
    h.advance(LEASE).await;
    told(claim_as(h, expired.id).await, expired.id);
    assert_eq!(h.state(id).await, State::Available);
}

pub(crate) async fn a_lease_holds_to_its_last_microsecond(h: &Harness) {
    h.enqueue(job()).await;
    let hand = h.hand().await;
    h.advance(just_before(LEASE)).await;
    let params = hand.next_claim(vec![want("default", 1)], 1);
    assert_eq!(h.store.claim(params.clone()).await.unwrap().len(), 1);
    // Even what it holds is not told again when the lease has expired.
    h.advance(MICROSECOND).await;
    let refused = h.store.claim(params).await;
    assert!(
        matches!(refused, Err(Error::LeaseLost { .. })),
        "{refused:?}"
    );
}

/// Claims one job after another while new ones keep coming; answers whether `id` came at last.
/// Leaves nothing behind.
async fn comes(h: &Harness, hand: &Hand<'_>, id: JobId) -> bool {
    for _ in 0..200 {
        h.enqueue(job()).await;
        let claimed = hand.take().await;
        h.settle(&claimed, DONE).await;
        if claimed.id == id {
            let last = hand.take().await;
            h.settle(&last, DONE).await;
            return true;
        }
    }
    false
}

pub(crate) async fn jobs_that_were_put_off_are_not_starved(h: &Harness) {
    let hand = h.hand().await;
    let retried = h.run(job(), retry(secs(0))).await;
    assert!(comes(h, &hand, retried).await, "retried");
    let snoozed = h.run(job(), snooze(secs(0))).await;
    assert!(comes(h, &hand, snoozed).await, "snoozed");
    let scheduled = h.enqueue(job().delay(secs(1))).await;
    h.advance(secs(1)).await;
    h.promote().await;
    assert!(comes(h, &hand, scheduled).await, "scheduled");
    let rescued = h.enqueue(job()).await;
    h.hand_for(secs(1)).await.take().await;
    h.advance(secs(1)).await;
    h.rescue().await;
    assert!(comes(h, &hand, rescued).await, "rescued");
}

pub(crate) async fn jobs_that_were_put_off_keep_their_priority(h: &Harness) {
    let urgent = h.run(prior(1), retry(secs(0))).await;
    let normal = h.enqueue(prior(2)).await;
    let late = h.run(prior(3).queue(queue("x")), snooze(secs(0))).await;
    let hand = h.hand().await;
    assert_eq!(ids(&hand.claim(2).await), [urgent, normal]);
    let first = h.enqueue(prior(2).queue(queue("x"))).await;
    assert_eq!(ids(&hand.claim_from(&[("x", 2)], 2).await), [first, late]);
}

pub(crate) async fn a_job_that_is_handed_back_keeps_its_place(h: &Harness) {
    let accepted = h.enqueue_all(jobs(3)).await;
    let available_at = h.now().await;
    let hand = h.hand().await;
    hand.claim(2).await;
    h.enqueue(job()).await;
    h.advance(secs(1)).await;
    assert_eq!(hand.leave().await, 2);
    let claimed = h.hand().await.claim(3).await;
    assert_eq!(ids(&claimed), accepted);
    assert!(claimed.iter().all(|job| job.available_at == available_at));
    assert!(claimed.iter().all(|job| job.attempt == 1));
}
