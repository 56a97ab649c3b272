//! How jobs are accepted.

use bytes::Bytes;
use std::time::Duration;

use shared::{
    backoff::{Backoff, MAX_WAIT},
    job::{
        Args, JobDetail, JobId, JobSummary, NewJob, State, TraceContext, UniquePolicy,
        args::MAX_BYTES, new::Due,
    },
    store::{Enqueued, Error, Filter},
};
use windlass_tests::{
    Harness,
    make::{DONE, MICROSECOND, job, job_in, jobs, kind, priority, queue, secs, tag, unique, want},
};

/// A job in which nothing is as by default.
fn full() -> NewJob {
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let args = Args::new(&b"\x00\xff not JSON"[..], Some("application/octet-stream"));
    let mut job = NewJob::with(kind("Billing::Invoice"), args.unwrap())
        .queue(queue("mail.bulk"))
        .priority(priority(9))
        .max_attempts(7)
        .tag(tag("tenant:42"))
        .tag(tag("a/b@c=d#e+f"))
        .unique(unique("ključ 1", UniquePolicy::Window(secs(90))))
        .delay(Duration::from_micros(90_000_001));
    job.timeout = Some(Duration::from_millis(1_250));
    job.backoff = Some(Backoff {
        base: Duration::from_millis(1_500),
        factor: 1.1,
        cap: secs(3_600),
    });
    job.trace = Some(TraceContext::new(trace, Some("vendor=1")).unwrap());
    job
}

pub(crate) async fn an_accepted_job_keeps_everything_it_was_given(h: &Harness) {
    let job = full();
    let now = h.now().await;
    let answer = h.store.enqueue(vec![job.clone()]).await.unwrap();
    assert_eq!(answer, [Enqueued::New(State::Scheduled)]);
    let expected = JobDetail {
        summary: JobSummary {
            id: job.id,
            kind: job.kind,
            queue: job.queue,
            priority: job.priority,
            state: State::Scheduled,
            attempt: 0,
            max_attempts: 7,
            crashes: 0,
            tags: job.tags,
            accepted_at: now,
            due_at: Some(now + Duration::from_micros(90_000_001)),
            claimed_at: None,
            ended_at: None,
            last_error: None,
            replay_of: None,
            replayed_as: None,
        },
        args: job.args,
        timeout: job.timeout,
        backoff: job.backoff,
        unique: job.unique,
        trace: job.trace,
        errors: Vec::new(),
        progress: None,
        result: None,
        worker: None,
        cancel_requested: None,
    };
    assert_eq!(h.detail(job.id).await, expected);
    let listed = h.list(Filter::default(), 10).await;
    assert_eq!(listed, [expected.summary]);
}

pub(crate) async fn a_job_is_available_at_once_unless_it_is_due_later(h: &Harness) {
    let now = h.now().await;
    for (due, state, due_at) in [
        (Due::Now, State::Available, now),
        (Due::In(Duration::ZERO), State::Available, now),
        (Due::At(now), State::Available, now),
        (Due::At(now - secs(3_600)), State::Available, now),
        (Due::In(MICROSECOND), State::Scheduled, now + MICROSECOND),
        (
            Due::At(now + MICROSECOND),
            State::Scheduled,
            now + MICROSECOND,
        ),
        (Due::In(MAX_WAIT), State::Scheduled, now + MAX_WAIT),
    ] {
        let mut job = job();
        job.due = due;
        let id = job.id;
        assert_eq!(h.try_enqueue(job).await, Enqueued::New(state), "{due:?}");
        let summary = h.detail(id).await.summary;
        assert_eq!(
            (summary.state, summary.due_at),
            (state, Some(due_at)),
            "{due:?}"
        );
    }
}

pub(crate) async fn enqueueing_again_changes_nothing(h: &Harness) {
    let id = h.enqueue(job()).await;
    let before = h.detail(id).await;
    h.advance(secs(1)).await;
    let mut other = full();
    other.id = id;
    assert_eq!(h.try_enqueue(other.clone()).await, Enqueued::Repeated);
    assert_eq!(h.detail(id).await, before);

    let hand = h.hand().await;
    h.settle(&hand.take().await, DONE).await;
    let ended = h.detail(id).await;
    assert_eq!(h.try_enqueue(other).await, Enqueued::Repeated);
    assert_eq!(h.detail(id).await, ended);
    assert_eq!(hand.claim(10).await, []);
}

pub(crate) async fn one_id_twice_in_a_batch_is_one_job(h: &Harness) {
    let first = job();
    let mut second = job_in("other");
    second.id = first.id;
    let answer = h.store.enqueue(vec![first.clone(), second]).await.unwrap();
    assert_eq!(
        answer,
        [Enqueued::New(State::Available), Enqueued::Repeated]
    );
    assert_eq!(h.detail(first.id).await.summary.queue, first.queue);
    assert_eq!(h.list(Filter::default(), 10).await.len(), 1);
}

pub(crate) async fn one_bad_job_refuses_the_whole_batch(h: &Harness) {
    let known = h.enqueue(job()).await;
    let mut repeated = job();
    repeated.id = known;
    let fine = job_in("fine");
    let far = job().delay(MAX_WAIT + MICROSECOND);
    let none = job().max_attempts(0);
    let at = |time: &str| NewJob {
        due: Due::At(time.parse().unwrap()),
        ..job()
    };
    let (past, future) = (at("1970-01-01T00:00:00Z"), at("9999-12-31T23:59:59Z"));
    for bad in [far, none, past, future] {
        let ids = vec![fine.id, bad.id];
        let batch = vec![repeated.clone(), fine.clone(), bad];
        let refused = h.store.enqueue(batch).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
        assert_eq!(h.store.get(ids).await.unwrap(), [None, None]);
    }
    let queues = h.store.queues().await.unwrap();
    assert!(queues.iter().all(|known| known.name != fine.queue));
    assert_eq!(h.list(Filter::default(), 10).await.len(), 1);
}

pub(crate) async fn an_empty_batch_is_fine(h: &Harness) {
    assert_eq!(h.store.enqueue(Vec::new()).await.unwrap(), []);
    assert_eq!(h.store.get(Vec::new()).await.unwrap(), []);
}

pub(crate) async fn bytes_of_every_kind_are_kept(h: &Harness) {
    let all: Vec<u8> = (0..=255).collect();
    for (bytes, content_type) in [
        (Bytes::new(), Some("text/plain")),
        (Bytes::from(all), Some("application/octet-stream")),
        (Bytes::from_static("\"ž\\u0000\"".as_bytes()), None),
        (
            Bytes::from_static(b"null"),
            Some("application/json; charset=utf-8"),
        ),
    ] {
        let mut job = job();
        job.args = Args::new(bytes, content_type).unwrap();
        let args = job.args.clone();
        let id = h.enqueue(job).await;
        assert_eq!(h.detail(id).await.args, args);
        let claimed = h.hand().await.take().await;
        assert_eq!((claimed.id, claimed.args), (id, args));
    }
}

pub(crate) async fn the_largest_job_is_kept(h: &Harness) {
    let name = "q".repeat(64);
    let mut job = full().queue(queue(&name)).delay(Duration::ZERO);
    job.args = Args::from_json_bytes(vec![b'1'; MAX_BYTES]).unwrap();
    job.tags = (0..16).map(|n| tag(&format!("{n:0>64}"))).collect();
    job.unique = Some(unique(&"ž".repeat(127), UniquePolicy::UntilFinished));
    job.max_attempts = 1000;
    job.timeout = Some(Duration::from_hours(168));
    let id = h.enqueue(job.clone()).await;
    let found = h.detail(id).await;
    assert_eq!(found.args, job.args);
    assert_eq!(found.summary.tags, job.tags);
    assert_eq!(found.summary.max_attempts, 1000);
    assert_eq!((found.unique, found.timeout), (job.unique, job.timeout));
}

pub(crate) async fn a_large_batch_keeps_its_order(h: &Harness) {
    let ids = h.enqueue_all(jobs(2_500)).await;
    let hand = h.hand().await;
    let mut claimed: Vec<JobId> = Vec::new();
    while claimed.len() < ids.len() {
        let params = hand.next_claim(vec![want("default", 700)], 700);
        let handed_out = h.store.claim(params).await.unwrap();
        assert!(!handed_out.is_empty(), "{} claimed", claimed.len());
        claimed.extend(handed_out.iter().map(|job| job.id));
    }
    assert_eq!(claimed, ids);
}

pub(crate) async fn many_are_read_in_the_order_asked(h: &Harness) {
    let mut ids = h.enqueue_all(jobs(600)).await;
    ids.reverse();
    ids.insert(300, JobId::generate());
    ids.push(ids[0]);
    let found = h.store.get(ids.clone()).await.unwrap();
    assert_eq!(found.len(), ids.len());
    for (at, (id, found)) in ids.iter().zip(found).enumerate() {
        let expected = (at != 300).then_some(*id);
        assert_eq!(found.map(|job| job.summary.id), expected);
    }
}
