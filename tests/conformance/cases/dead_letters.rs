//! Dead letters and their new runs.

use shared::{
    job::{Args, JobDetail, JobId, NewJob, State, TraceContext, UniquePolicy, new::Due},
    store::{Enqueued, Error, Filter, Replay, Replayed},
};
use windlass_tests::{
    Harness,
    harness::LEASE,
    make::{DONE, discard, job, priority, queue, secs, tag, unique},
};

fn replay_of(dead: JobId) -> Replay {
    Replay {
        dead,
        new: JobId::generate(),
        args: None,
        trace: None,
    }
}

async fn replay(h: &Harness, replay: Replay) -> Replayed {
    let answer = h.store.replay(vec![replay]).await.unwrap();
    assert_eq!(answer.len(), 1);
    answer[0]
}

fn body() -> NewJob {
    let mut job = job()
        .queue(queue("mail"))
        .priority(priority(2))
        .max_attempts(3)
        .tag(tag("tenant:7"))
        .unique(unique("k", UniquePolicy::UntilFinished));
    job.args = Args::json(&[1, 2, 3]).unwrap();
    job.timeout = Some(secs(9));
    job
}

pub(crate) async fn a_dead_letter_is_kept_with_its_body(h: &Harness) {
    let job = body();
    let id = h.run(job.clone(), discard()).await;
    let found = h.detail(id).await;
    assert_eq!(found.summary.state, State::Discarded);
    assert_eq!(found.args, job.args);
    assert_eq!(found.errors.len(), 1);
}

pub(crate) async fn a_new_run_has_the_body_and_starts_afresh(h: &Harness) {
    let dead = h.run(body(), discard()).await;
    let before = h.detail(dead).await;
    h.advance(secs(5)).await;
    let request = replay_of(dead);
    assert_eq!(replay(h, request.clone()).await, Replayed::New);
    let now = h.now().await;
    let mut expected = JobDetail {
        errors: Vec::new(),
        ..before.clone()
    };
    let summary = &mut expected.summary;
    summary.id = request.new;
    summary.state = State::Available;
    summary.attempt = 0;
    summary.accepted_at = now;
    summary.due_at = Some(now);
    summary.claimed_at = None;
    summary.ended_at = None;
    summary.last_error = None;
    summary.replay_of = Some(dead);
    assert_eq!(h.detail(request.new).await, expected);

    let mut after = before;
    after.summary.replayed_as = Some(request.new);
    assert_eq!(h.detail(dead).await, after);
    let claimed = h.hand().await.claim_from(&[("mail", 5)], 5).await;
    assert_eq!(claimed.len(), 1);
    assert_eq!((claimed[0].id, claimed[0].attempt), (request.new, 1));
}

pub(crate) async fn crashes_are_not_inherited(h: &Harness) {
    let dead = h.enqueue(job()).await;
    for _ in 0..3 {
        h.hand().await.take().await;
        h.advance(LEASE).await;
        h.rescue().await;
    }
    assert_eq!(h.state(dead).await, State::Discarded);
    let request = replay_of(dead);
    replay(h, request.clone()).await;
    let found = h.detail(request.new).await;
    assert_eq!((found.summary.crashes, found.errors.len()), (0, 0));
}

pub(crate) async fn args_may_be_edited(h: &Harness) {
    let dead = h.run(body(), discard()).await;
    let args = Args::new(&b"mended"[..], Some("text/plain")).unwrap();
    let request = Replay {
        args: Some(args.clone()),
        ..replay_of(dead)
    };
    replay(h, request.clone()).await;
    assert_eq!(h.detail(request.new).await.args, args);
    assert_eq!(h.detail(dead).await.args, body().args);
}

pub(crate) async fn a_new_run_may_be_in_a_trace_of_its_own(h: &Harness) {
    let trace = |id: &str, state| {
        let parent = format!("00-4bf92f3577b34da6a3ce929d0e0e47{id}-00f067aa0ba902b7-01");
        TraceContext::new(&parent, state).unwrap()
    };
    let traced = || NewJob {
        trace: Some(trace("01", Some("vendor=1"))),
        ..job()
    };
    for given in [
        None,
        Some(trace("02", None)),
        Some(trace("03", Some("v=2"))),
    ] {
        let dead = h.run(traced(), discard()).await;
        let request = Replay {
            trace: given.clone(),
            ..replay_of(dead)
        };
        replay(h, request.clone()).await;
        let expected = given.or(traced().trace);
        assert_eq!(h.detail(request.new).await.trace, expected);
        assert_eq!(h.hand().await.take().await.trace, expected);
        assert_eq!(h.detail(dead).await.trace, traced().trace);
    }
}

pub(crate) async fn a_delay_is_not_waited_for_again(h: &Harness) {
    let mut job = job();
    job.due = Due::In(secs(30));
    let dead = h.enqueue(job).await;
    h.store.run_now(vec![dead]).await.unwrap();
    let claimed = h.hand().await.take().await;
    h.settle(&claimed, discard()).await;
    let request = replay_of(dead);
    replay(h, request.clone()).await;
    assert_eq!(h.state(request.new).await, State::Available);
}

pub(crate) async fn a_dead_letter_is_replayed_once(h: &Harness) {
    let dead = h.run(job(), discard()).await;
    let first = replay_of(dead);
    assert_eq!(replay(h, first.clone()).await, Replayed::New);
    let before = h.detail(first.new).await;
    h.advance(secs(1)).await;
    assert_eq!(replay(h, first.clone()).await, Replayed::Repeated);
    assert_eq!(h.detail(first.new).await, before);
    let second = replay_of(dead);
    let already = Replayed::Already(first.new);
    assert_eq!(replay(h, second.clone()).await, already);
    assert_eq!(h.find(second.new).await, None);

    // Also when the new run is long over and forgotten.
    let claimed = h.hand().await.take().await;
    h.settle(&claimed, DONE).await;
    h.advance(secs(9)).await;
    let retention = shared::store::Retention {
        completed: secs(9),
        cancelled: secs(9),
        discarded: secs(900),
    };
    let limit = 10;
    let params = shared::store::PruneParams { retention, limit };
    assert_eq!(h.store.prune(params).await.unwrap().count, 1);
    assert_eq!(replay(h, first.clone()).await, Replayed::Repeated);
    assert_eq!(replay(h, second).await, already);
    assert_eq!(h.find(first.new).await, None);
}

pub(crate) async fn a_new_run_may_die_and_be_replayed_in_turn(h: &Harness) {
    let mut dead = h.run(job(), discard()).await;
    for _ in 0..3 {
        let request = replay_of(dead);
        assert_eq!(replay(h, request.clone()).await, Replayed::New);
        let claimed = h.hand().await.take().await;
        assert_eq!(claimed.id, request.new);
        h.settle(&claimed, discard()).await;
        let found = h.detail(request.new).await.summary;
        assert_eq!((found.replay_of, found.replayed_as), (Some(dead), None));
        dead = request.new;
    }
}

pub(crate) async fn only_dead_letters_are_replayed_and_items_are_judged_one_by_one(h: &Harness) {
    let completed = h.run(job(), DONE).await;
    let dead = h.run(job(), discard()).await;
    let waiting = h.enqueue(job().delay(secs(60))).await;
    let running = h.enqueue(job()).await;
    h.hand().await.take().await;
    let again = replay_of(dead);
    let batch = vec![
        replay_of(completed),
        replay_of(JobId::generate()),
        again.clone(),
        replay_of(running),
        again.clone(),
        replay_of(dead),
        replay_of(waiting),
    ];
    let answer = h.store.replay(batch).await.unwrap();
    let expected = [
        Replayed::NotDead(State::Completed),
        Replayed::Unknown,
        Replayed::New,
        Replayed::NotDead(State::Running),
        Replayed::Repeated,
        Replayed::Already(again.new),
        Replayed::NotDead(State::Scheduled),
    ];
    assert_eq!(answer, expected);
    assert_eq!(h.store.replay(Vec::new()).await.unwrap(), []);
}

pub(crate) async fn a_new_id_that_is_anothers_is_refused_with_the_whole_call(h: &Harness) {
    let first = h.run(job(), discard()).await;
    let second = h.run(job(), discard()).await;
    let other = h.enqueue(job()).await;
    let taken = Replay {
        new: other,
        ..replay_of(second)
    };
    let fine = replay_of(first);
    let shared_id = Replay {
        new: fine.new,
        ..replay_of(second)
    };
    for wrong in [taken, shared_id] {
        let refused = h.store.replay(vec![fine.clone(), wrong]).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
        assert_eq!(h.find(fine.new).await, None);
        assert_eq!(h.detail(first).await.summary.replayed_as, None);
    }
    assert_eq!(h.detail(other).await.summary.replay_of, None);
}

pub(crate) async fn a_new_run_takes_its_key_as_by_an_enqueue(h: &Harness) {
    let dead = h.run(body(), discard()).await;
    let holder = h.enqueue(body()).await;
    let request = replay_of(dead);
    let refused = replay(h, request.clone()).await;
    assert_eq!(refused, Replayed::Duplicate { holder });
    assert_eq!(h.find(request.new).await, None);
    assert_eq!(h.detail(dead).await.summary.replayed_as, None);
    h.cancel(holder, "make room").await;
    assert_eq!(replay(h, request.clone()).await, Replayed::New);
    let duplicate = Enqueued::Duplicate {
        holder: request.new,
    };
    assert_eq!(h.try_enqueue(body()).await, duplicate);
}

pub(crate) async fn the_dead_letters_own_hold_passes_on(h: &Harness) {
    let windowed = || job().unique(unique("w", UniquePolicy::Window(secs(60))));
    let dead = h.run(windowed(), discard()).await;
    h.advance(secs(30)).await;
    let duplicate = Enqueued::Duplicate { holder: dead };
    assert_eq!(h.try_enqueue(windowed()).await, duplicate);
    let request = replay_of(dead);
    assert_eq!(replay(h, request.clone()).await, Replayed::New);
    // The window begins anew with the new run.
    h.advance(secs(59)).await;
    let duplicate = Enqueued::Duplicate {
        holder: request.new,
    };
    assert_eq!(h.try_enqueue(windowed()).await, duplicate);
    h.advance(secs(1)).await;
    let accepted = h.try_enqueue(windowed()).await;
    assert_eq!(accepted, Enqueued::New(State::Available));
}

pub(crate) async fn open_dead_letters_are_those_not_replayed(h: &Harness) {
    let open = h.run(job(), discard()).await;
    let replayed = h.run(job(), discard()).await;
    replay(h, replay_of(replayed)).await;
    let filter = |open_dead_letters| Filter {
        states: [State::Discarded].into(),
        open_dead_letters,
        ..Filter::default()
    };
    let ids = |open| async move {
        let found = h.list(filter(open), 10).await;
        found.iter().map(|job| job.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(false).await, [replayed, open]);
    assert_eq!(ids(true).await, [open]);
}
