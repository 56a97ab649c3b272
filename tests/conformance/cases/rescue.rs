//! What becomes of the jobs of workers that were not heard of.

use std::collections::BTreeSet;

use shared::{
    job::{AttemptError, JobId, State, attempt::Failure},
    store::{RescueParams, Rescued, Settled},
};
use windlass_tests::{
    Harness,
    harness::LEASE,
    make::{DONE, MICROSECOND, job, jobs, just_before, retry, secs},
};

pub(crate) async fn a_lease_is_respected_to_its_last_microsecond(h: &Harness) {
    let id = h.enqueue(job()).await;
    let hand = h.hand().await;
    hand.take().await;
    h.advance(just_before(LEASE)).await;
    assert_eq!(h.rescue().await, Rescued::default());
    h.advance(MICROSECOND).await;
    let rescued = h.rescue().await;
    assert_eq!(rescued.requeued, [id]);
    assert_eq!(rescued.workers, [hand.id]);
    assert_eq!(h.rescue().await, Rescued::default());
}

pub(crate) async fn a_rescued_job_is_available_with_its_crash_counted(h: &Harness) {
    let id = h.run(job(), retry(secs(0))).await;
    let hand = h.hand().await;
    let claimed = hand.take().await;
    assert_eq!(claimed.attempt, 2);
    h.advance(LEASE + secs(3)).await;
    h.rescue().await;
    let found = h.detail(id).await;
    let summary = found.summary;
    assert_eq!(summary.state, State::Available);
    assert_eq!((summary.attempt, summary.crashes), (1, 1));
    assert_eq!(summary.due_at, Some(h.now().await));
    assert_eq!((summary.claimed_at, found.worker), (None, None));
    let kept = AttemptError {
        attempt: 2,
        at: h.now().await,
        worker: hand.id.0,
        failure: Failure::crashed(),
    };
    assert_eq!(found.errors.last(), Some(&kept));
    assert_eq!(summary.last_error, Some(kept));
    let again = h.hand().await.take().await;
    assert_eq!((again.id, again.attempt, again.crashes), (id, 2, 1));
}

pub(crate) async fn a_job_that_crashed_too_often_is_discarded(h: &Harness) {
    let id = h.enqueue(job()).await;
    for crash in 1..=3 {
        let claimed = h.hand().await.take().await;
        assert_eq!((claimed.attempt, claimed.crashes), (1, crash - 1));
        h.advance(LEASE).await;
        let rescued = h.rescue().await;
        let expected: &[JobId] = if crash == 3 { &[id] } else { &[] };
        assert_eq!(rescued.discarded, expected);
    }
    let found = h.detail(id).await;
    assert_eq!(found.summary.state, State::Discarded);
    assert_eq!((found.summary.attempt, found.summary.crashes), (0, 3));
    assert_eq!(found.summary.ended_at, Some(h.now().await));
    assert_eq!(found.errors.len(), 3);
    let params = RescueParams {
        max_crashes: 3,
        limit: 10,
    };
    assert_eq!(h.store.rescue(params).await.unwrap(), Rescued::default());
}

pub(crate) async fn the_limit_of_crashes_is_the_callers(h: &Harness) {
    let id = h.enqueue(job()).await;
    h.hand().await.take().await;
    h.advance(LEASE).await;
    let params = RescueParams {
        max_crashes: 1,
        limit: 10,
    };
    assert_eq!(h.store.rescue(params).await.unwrap().discarded, [id]);
}

pub(crate) async fn a_job_that_was_to_be_stopped_is_cancelled(h: &Harness) {
    let id = h.enqueue(job()).await;
    for _ in 0..2 {
        h.hand().await.take().await;
        h.advance(LEASE).await;
        h.rescue().await;
    }
    // Even with the crash that would have discarded it.
    h.hand().await.take().await;
    h.cancel(id, "not needed").await;
    h.advance(LEASE).await;
    let rescued = h.rescue().await;
    assert_eq!(rescued.cancelled, [id]);
    assert_eq!(rescued.discarded, []);
    let found = h.detail(id).await;
    assert_eq!(found.summary.state, State::Cancelled);
    assert_eq!((found.summary.attempt, found.summary.crashes), (0, 3));
    assert_eq!(found.errors.len(), 3);
}

pub(crate) async fn a_step_is_bounded_and_the_registration_ends_with_the_last_job(h: &Harness) {
    let ids: BTreeSet<JobId> = h.enqueue_all(jobs(5)).await.into_iter().collect();
    let hand = h.hand().await;
    let claimed = hand.claim(5).await;
    h.advance(LEASE).await;
    let first = h.rescue_some(3).await;
    assert_eq!((first.requeued.len(), first.workers.len()), (3, 0));
    assert_eq!(h.store.workers().await.unwrap()[0].running, 2);
    // What was not taken back yet is still held.
    let held = claimed.iter().find(|job| !first.requeued.contains(&job.id));
    let settled = h.settle(held.unwrap(), DONE).await;
    assert_eq!(settled, Settled::Kept(State::Completed));
    let second = h.rescue_some(1).await;
    assert_eq!((second.requeued.len(), second.workers), (1, vec![hand.id]));
    let mut back: BTreeSet<JobId> = first.requeued.into_iter().collect();
    back.extend(second.requeued);
    back.insert(held.unwrap().id);
    assert_eq!(back, ids);
}

pub(crate) async fn the_limit_may_be_nothing_or_as_large_as_can_be(h: &Harness) {
    let id = h.enqueue(job()).await;
    let hand = h.hand().await;
    hand.take().await;
    h.advance(LEASE).await;
    assert_eq!(h.rescue_some(0).await, Rescued::default());
    assert_eq!(h.state(id).await, State::Running);
    let all = h.rescue_some(usize::MAX).await;
    assert_eq!((all.requeued, all.workers), (vec![id], vec![hand.id]));
}

pub(crate) async fn a_dead_worker_that_held_nothing_is_struck_off(h: &Harness) {
    let idle = h.hand().await;
    let alive = h.hand().await;
    h.advance(LEASE / 2).await;
    alive.beat().await.unwrap();
    h.advance(LEASE / 2).await;
    let expected = Rescued {
        workers: vec![idle.id],
        ..Rescued::default()
    };
    assert_eq!(h.rescue().await, expected);
    assert_eq!(h.store.workers().await.unwrap().len(), 1);
}

pub(crate) async fn the_living_keep_their_jobs(h: &Harness) {
    h.enqueue_all(jobs(3)).await;
    let (dead, also_dead, alive) = (h.hand().await, h.hand().await, h.hand().await);
    let lost = [dead.take().await.id, also_dead.take().await.id];
    let kept = alive.take().await;
    h.advance(LEASE / 2).await;
    alive.beat().await.unwrap();
    h.advance(LEASE / 2).await;
    let mut rescued = h.rescue().await;
    rescued.requeued.sort();
    assert_eq!(rescued.requeued, lost);
    rescued.workers.sort();
    assert_eq!(rescued.workers, [dead.id, also_dead.id]);
    let settled = h.settle(&kept, DONE).await;
    assert_eq!(settled, Settled::Kept(State::Completed));
}
