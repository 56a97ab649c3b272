//! Workers and their leases: registering, staying alive, reporting progress, leaving.

use bytes::Bytes;
use std::time::Duration;

use shared::{
    job::{ClaimedJob, State, outcome::Ending},
    lease::{LeaseToken, WorkerId, WorkerRecord},
    store::{Beat, Error, HeartbeatParams, Progress, Result, Settled},
};
use windlass_tests::{
    Hand, Harness,
    harness::{LEASE, worker_info},
    make::{DONE, job, jobs, just_before, queue, retry, secs},
};

fn report(job: &ClaimedJob, value: &'static str) -> Progress {
    Progress {
        id: job.id,
        token: job.token,
        value: Bytes::from_static(value.as_bytes()),
    }
}

async fn beat_with(h: &Harness, hand: &Hand<'_>, progress: Vec<Progress>) -> Result<Beat> {
    let params = HeartbeatParams {
        worker: hand.id,
        lease: LEASE,
        progress,
    };
    h.store.heartbeat(params).await
}

async fn progress_of(h: &Harness, job: &ClaimedJob) -> Option<String> {
    let progress = h.detail(job.id).await.progress?;
    Some(String::from_utf8(progress.to_vec()).unwrap())
}

pub(crate) async fn a_worker_id_is_never_given_out_again(h: &Harness) {
    let mut last = WorkerId(0);
    for round in 0..6 {
        let hand = h.hand().await;
        assert!(hand.id > last, "{} after {last}", hand.id);
        last = hand.id;
        if round % 2 == 0 {
            hand.leave().await;
        } else {
            h.advance(LEASE).await;
            h.rescue().await;
        }
    }
}

pub(crate) async fn a_worker_is_shown_until_its_registration_ends(h: &Harness) {
    assert_eq!(h.store.workers().await.unwrap(), []);
    let mut info = worker_info("first of two");
    info.queues = vec![queue("a"), queue("b")];
    let started_at = h.now().await;
    let first = h.store.register(info.clone(), secs(30)).await.unwrap();
    h.advance(secs(1)).await;
    let second = h.hand().await;
    h.enqueue_all(jobs(3)).await;
    let claimed = second.claim(3).await;
    h.settle(&claimed[0], DONE).await;
    h.advance(secs(1)).await;
    second.beat().await.unwrap();
    let shown = [
        WorkerRecord {
            id: first,
            info,
            started_at,
            beat_at: started_at,
            expires_at: started_at + secs(30),
            running: 0,
        },
        WorkerRecord {
            id: second.id,
            info: worker_info("hand"),
            started_at: started_at + secs(1),
            beat_at: started_at + secs(2),
            expires_at: started_at + secs(2) + LEASE,
            running: 2,
        },
    ];
    assert_eq!(h.store.workers().await.unwrap(), shown);
    // A lease that has expired ends nothing by itself: the rescue does.
    h.advance(secs(60)).await;
    assert_eq!(h.store.workers().await.unwrap(), shown);
    assert_eq!(h.store.leave(first).await.unwrap(), 0);
    assert_eq!(h.store.workers().await.unwrap(), shown[1..]);
    h.rescue().await;
    assert_eq!(h.store.workers().await.unwrap(), []);
}

pub(crate) async fn a_heartbeat_renews_the_lease_to_its_last_microsecond(h: &Harness) {
    let hand = h.hand().await;
    for _ in 0..3 {
        h.advance(just_before(LEASE)).await;
        hand.beat().await.unwrap();
    }
    h.advance(LEASE).await;
    let refused = hand.beat().await;
    assert!(
        matches!(refused, Err(Error::LeaseLost { .. })),
        "{refused:?}"
    );
}

pub(crate) async fn a_lease_that_expired_is_lost_before_any_rescue(h: &Harness) {
    h.enqueue(job()).await;
    let hand = h.hand().await;
    let claimed = hand.take().await;
    h.advance(LEASE).await;
    for _ in 0..2 {
        let refused = beat_with(h, &hand, vec![report(&claimed, "50")]).await;
        assert!(
            matches!(refused, Err(Error::LeaseLost { .. })),
            "{refused:?}"
        );
    }
    assert_eq!(progress_of(h, &claimed).await, None);
    assert_eq!(h.rescue().await.requeued, [claimed.id]);
}

pub(crate) async fn an_unknown_worker_is_told(h: &Harness) {
    let left = h.hand().await;
    left.leave().await;
    let lost = |refused: Result<Beat>| matches!(refused, Err(Error::LeaseLost { .. }));
    assert!(lost(beat_with(h, &left, Vec::new()).await));
    let params = HeartbeatParams {
        worker: WorkerId(4711),
        lease: LEASE,
        progress: Vec::new(),
    };
    assert!(lost(h.store.heartbeat(params).await));
    assert_eq!(h.store.leave(WorkerId(4711)).await.unwrap(), 0);
    assert_eq!(h.store.cancels(WorkerId(4711)).await.unwrap(), []);
}

pub(crate) async fn the_last_report_of_progress_wins(h: &Harness) {
    h.enqueue_all(jobs(2)).await;
    let hand = h.hand().await;
    let both = hand.claim(2).await;
    let reports = vec![
        report(&both[0], "1"),
        report(&both[1], "5"),
        report(&both[0], "2"),
    ];
    beat_with(h, &hand, reports).await.unwrap();
    assert_eq!(progress_of(h, &both[0]).await.as_deref(), Some("2"));
    assert_eq!(progress_of(h, &both[1]).await.as_deref(), Some("5"));
    beat_with(h, &hand, vec![report(&both[1], "6")])
        .await
        .unwrap();
    assert_eq!(progress_of(h, &both[0]).await.as_deref(), Some("2"));
    assert_eq!(progress_of(h, &both[1]).await.as_deref(), Some("6"));
}

pub(crate) async fn progress_is_left_to_the_next_attempt_and_after_the_end(h: &Harness) {
    h.enqueue(job()).await;
    let hand = h.hand().await;
    let first = hand.take().await;
    assert_eq!(first.progress, None);
    beat_with(h, &hand, vec![report(&first, "{\"page\":3}")])
        .await
        .unwrap();
    h.settle(&first, retry(secs(0))).await;
    let second = hand.take().await;
    assert_eq!(second.progress.as_deref(), Some(&b"{\"page\":3}"[..]));
    h.settle(&second, DONE).await;
    assert_eq!(
        progress_of(h, &second).await.as_deref(),
        Some("{\"page\":3}")
    );
}

pub(crate) async fn a_stale_report_of_progress_is_dropped(h: &Harness) {
    h.enqueue(job()).await;
    let zombie = h.hand().await;
    let stale = zombie.take().await;
    h.settle(&stale, Ending::Release).await;
    let hand = h.hand().await;
    let claimed = hand.take().await;
    let wrong = LeaseToken {
        claim: 77,
        ..claimed.token
    };
    let reports = vec![
        report(&stale, "stale"),
        Progress {
            token: wrong,
            ..report(&claimed, "wrong")
        },
    ];
    beat_with(h, &zombie, vec![report(&stale, "stale")])
        .await
        .unwrap();
    beat_with(h, &hand, reports).await.unwrap();
    assert_eq!(progress_of(h, &claimed).await, None);
    // Nor may a worker speak of another's job.
    beat_with(h, &zombie, vec![report(&claimed, "theirs")])
        .await
        .unwrap();
    assert_eq!(progress_of(h, &claimed).await, None);
    h.settle(&claimed, DONE).await;
    beat_with(h, &hand, vec![report(&claimed, "late")])
        .await
        .unwrap();
    assert_eq!(progress_of(h, &claimed).await, None);
}

pub(crate) async fn a_worker_is_told_which_of_its_jobs_to_stop_until_they_end(h: &Harness) {
    h.enqueue_all(jobs(3)).await;
    let hand = h.hand().await;
    let other = h.hand().await;
    let two = hand.claim(2).await;
    let theirs = other.take().await;
    assert_eq!(hand.beat().await.unwrap(), []);
    h.cancel(two[1].id, "too late").await;
    h.cancel(theirs.id, "theirs").await;
    let told = [(two[1].id, "too late".to_owned())];
    for _ in 0..2 {
        assert_eq!(hand.beat().await.unwrap(), told);
        assert_eq!(h.store.cancels(hand.id).await.unwrap(), told);
    }
    h.settle(&two[1], DONE).await;
    assert_eq!(hand.beat().await.unwrap(), []);
    assert_eq!(h.store.cancels(hand.id).await.unwrap(), []);
    let told = [(theirs.id, "theirs".to_owned())];
    assert_eq!(other.beat().await.unwrap(), told);
}

pub(crate) async fn who_leaves_hands_back_what_it_holds(h: &Harness) {
    let ids = h.enqueue_all(jobs(4)).await;
    let hand = h.hand().await;
    let claimed = hand.claim(3).await;
    h.settle(&claimed[0], DONE).await;
    h.cancel(claimed[1].id, "not needed").await;
    assert_eq!(hand.leave().await, 2);
    assert_eq!(hand.leave().await, 0);
    assert_eq!(h.state(ids[1]).await, State::Cancelled);
    let back = h.detail(ids[2]).await;
    assert_eq!(back.summary.state, State::Available);
    assert_eq!((back.summary.attempt, back.summary.crashes), (0, 0));
    assert_eq!(back.errors, []);
    assert_eq!(h.settle(&claimed[2], DONE).await, Settled::Fenced);
    assert_eq!(h.hand().await.take().await.id, ids[2]);
}

pub(crate) async fn who_leaves_after_its_lease_still_hands_back(h: &Harness) {
    let id = h.enqueue(job()).await;
    let hand = h.hand_for(secs(1)).await;
    hand.take().await;
    h.advance(secs(2)).await;
    assert_eq!(hand.leave().await, 1);
    assert_eq!(h.detail(id).await.summary.crashes, 0);
    assert_eq!(h.rescue().await.workers, []);
}

pub(crate) async fn a_lease_is_as_long_as_the_last_heartbeat_said(h: &Harness) {
    let hand = h.hand().await;
    let params = |lease: Duration| HeartbeatParams {
        worker: hand.id,
        lease,
        progress: Vec::new(),
    };
    h.store.heartbeat(params(secs(2))).await.unwrap();
    let shown = h.store.workers().await.unwrap();
    assert_eq!(shown[0].expires_at, h.now().await + secs(2));
    h.advance(secs(2)).await;
    assert_eq!(h.rescue().await.workers, [hand.id]);
}
