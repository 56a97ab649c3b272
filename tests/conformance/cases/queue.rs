//! Queues: when they are known, what they hold, and how they pause.

use shared::{
    job::{State, UniquePolicy},
    store::{Enqueued, Error, QueueRecord},
};
use windlass_tests::{
    Harness,
    harness::worker_info,
    make::{DONE, discard, job, job_in, priority, queue, retry, secs, unique, want},
};

async fn names(h: &Harness) -> Vec<String> {
    let queues = h.store.queues().await.unwrap();
    queues.iter().map(|queue| queue.name.to_string()).collect()
}

pub(crate) async fn a_queue_is_known_once_it_has_a_job_or_a_worker(h: &Harness) {
    assert_eq!(names(h).await, [""; 0]);
    h.enqueue(job_in("of-a-job")).await;
    h.enqueue(job_in("Later").delay(secs(5))).await;
    let mut info = worker_info("w");
    info.queues = vec![queue("of-a-worker"), queue("also.of-it")];
    h.store.register(info, secs(20)).await.unwrap();
    let known = ["Later", "also.of-it", "of-a-job", "of-a-worker"];
    assert_eq!(names(h).await, known);
    // Neither a claim nor a job that is refused makes a queue known.
    let hand = h.hand().await;
    let params = hand.next_claim(vec![want("wanted", 1)], 1);
    h.store.claim(params).await.unwrap();
    assert!(!names(h).await.contains(&"wanted".to_owned()));
}

pub(crate) async fn a_queue_is_known_for_ever(h: &Harness) {
    h.run(job_in("past"), DONE).await;
    h.prune(secs(0), 10).await;
    let queue = h.queue("past").await;
    assert_eq!(queue.counts, [0; 8]);
}

pub(crate) async fn a_queue_tells_what_it_holds(h: &Harness) {
    let started = h.now().await;
    h.run(job(), DONE).await;
    h.run(job(), discard()).await;
    h.run(job(), retry(secs(60))).await;
    let stopped = h.enqueue(job()).await;
    h.cancel(stopped, "not needed").await;
    h.enqueue(job().delay(secs(60))).await;
    h.enqueue(job()).await;
    h.hand().await.take().await;
    h.advance(secs(1)).await;
    h.enqueue(job()).await;
    h.advance(secs(1)).await;
    h.enqueue(job()).await;
    let record = h.queue("default").await;
    let expected = QueueRecord {
        name: queue("default"),
        paused_at: None,
        counts: [0, 1, 2, 1, 1, 1, 1, 1],
        exact: record.exact,
        oldest_available_at: Some(started + secs(1)),
    };
    assert_eq!(record, expected);
}

pub(crate) async fn the_oldest_job_is_told_as_jobs_come_and_go(h: &Harness) {
    let now = h.now().await;
    let hand = h.hand().await;
    // The last to be handed out, whatever became available when.
    let scheduled = job().delay(secs(1)).priority(priority(9));
    let scheduled = h.enqueue(scheduled).await;
    assert_eq!(h.queue("default").await.oldest_available_at, None);
    h.advance(secs(1)).await;
    h.enqueue(job()).await;
    h.advance(secs(1)).await;
    h.promote().await;
    let told = h.queue("default").await.oldest_available_at;
    assert_eq!(told, Some(now + secs(1)));
    let first = hand.take().await;
    assert_ne!(first.id, scheduled);
    let told = h.queue("default").await.oldest_available_at;
    assert_eq!(told, Some(now + secs(2)));
    hand.take().await;
    assert_eq!(h.queue("default").await.oldest_available_at, None);
    h.advance(secs(1)).await;
    hand.leave().await;
    let told = h.queue("default").await.oldest_available_at;
    assert_eq!(told, Some(now + secs(1)));
}

pub(crate) async fn a_pause_keeps_its_first_time(h: &Harness) {
    h.enqueue(job()).await;
    let name = || queue("default");
    h.store.set_paused(name(), false).await.unwrap();
    assert_eq!(h.queue("default").await.paused_at, None);
    let paused_at = h.now().await;
    for _ in 0..2 {
        h.store.set_paused(name(), true).await.unwrap();
        assert_eq!(h.queue("default").await.paused_at, Some(paused_at));
        h.advance(secs(1)).await;
    }
    for _ in 0..2 {
        h.store.set_paused(name(), false).await.unwrap();
        assert_eq!(h.queue("default").await.paused_at, None);
    }
}

pub(crate) async fn an_unknown_queue_cannot_be_paused(h: &Harness) {
    for paused in [true, false] {
        let refused = h.store.set_paused(queue("nowhere"), paused).await;
        let missing = matches!(refused, Err(Error::NotFound { what: "queue", .. }));
        assert!(missing, "{refused:?}");
    }
    assert_eq!(names(h).await, [""; 0]);
}

pub(crate) async fn what_runs_in_a_paused_queue_runs_on(h: &Harness) {
    h.enqueue(job()).await;
    let hand = h.hand().await;
    let claimed = hand.take().await;
    h.store.set_paused(queue("default"), true).await.unwrap();
    h.settle(&claimed, retry(secs(0))).await;
    let accepted = h.try_enqueue(job()).await;
    assert_eq!(accepted, Enqueued::New(State::Available));
    assert_eq!(hand.claim(5).await, []);
    assert_eq!(h.queue("default").await.count(State::Available), 2);
    h.store.set_paused(queue("default"), false).await.unwrap();
    assert_eq!(hand.claim(5).await.len(), 2);
}

pub(crate) async fn a_duplicate_makes_no_queue_known(h: &Harness) {
    let keyed = || {
        let key = unique("k", UniquePolicy::UntilFinished);
        job_in("once").unique(key)
    };
    let holder = h.enqueue(keyed()).await;
    let answer = h.try_enqueue(keyed()).await;
    assert_eq!(answer, Enqueued::Duplicate { holder });
    let mut elsewhere = job_in("elsewhere");
    elsewhere.id = holder;
    assert_eq!(h.try_enqueue(elsewhere).await, Enqueued::Repeated);
    assert_eq!(names(h).await, ["once"]);
}
