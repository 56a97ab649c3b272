//! Every verdict of a handler, and what becomes of its job.

use serde::{Deserialize, Serialize, de::IgnoredAny};
use shared::{
    backoff::Backoff,
    job::{NewJob, Outcome, State, attempt::ErrorKind},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use windlass_worker::{Context, Done};

use crate::harness::Bench;

#[derive(Serialize, Deserialize)]
struct Sum {
    of: Vec<i64>,
}

/// A wait of nothing: the next attempt is available at once.
const AT_ONCE: Backoff = Backoff {
    base: Duration::ZERO,
    factor: 1.0,
    cap: Duration::ZERO,
};

fn job(kind: &str) -> NewJob {
    let mut job = NewJob::new(kind, &serde_json::json!({"of": [1, 2, 3]})).unwrap();
    job.backoff = Some(AT_ONCE);
    job
}

#[tokio::test]
async fn a_handler_is_given_its_args_and_its_result_is_kept() {
    let bench = Bench::new();
    bench.start(|worker| {
        worker.handle("sum", |_, args: Sum| async move {
            Done(args.of.iter().sum::<i64>())
        })
    });
    let id = bench.enqueue(job("sum")).await;
    let ended = bench.ended(id).await;
    assert_eq!(ended.summary.state, State::Completed);
    assert_eq!(ended.result.as_deref(), Some(&b"6"[..]));
    assert_eq!(ended.summary.attempt, 1);
    bench.drain().await;
}

#[tokio::test]
async fn a_failing_job_is_tried_until_it_succeeds_and_keeps_its_errors() {
    let bench = Bench::new();
    bench.start(|worker| {
        worker.handle("flaky", |ctx: Context, _: IgnoredAny| async move {
            if ctx.attempt() < 3 {
                Err(format!("not yet at {}", ctx.attempt()))
            } else {
                Ok(())
            }
        })
    });
    let id = bench.enqueue(job("flaky")).await;
    let ended = bench.ended(id).await;
    assert_eq!(
        (ended.summary.state, ended.summary.attempt),
        (State::Completed, 3)
    );
    let messages: Vec<&str> = ended
        .errors
        .iter()
        .map(|error| &*error.failure.message)
        .collect();
    assert_eq!(messages, ["not yet at 1", "not yet at 2"]);
    bench.drain().await;
}

#[tokio::test]
async fn a_job_whose_attempts_are_exhausted_is_a_dead_letter() {
    let bench = Bench::new();
    bench.start(|worker| worker.handle("broken", |_, _: IgnoredAny| async { Err::<(), _>("no") }));
    let id = bench.enqueue(job("broken").max_attempts(3)).await;
    let ended = bench.ended(id).await;
    assert_eq!(
        (ended.summary.state, ended.summary.attempt),
        (State::Discarded, 3)
    );
    assert_eq!(ended.errors.len(), 3);
    bench.drain().await;
}

#[tokio::test]
async fn discard_and_cancel_end_a_job_at_its_first_attempt() {
    let bench = Bench::new();
    bench.start(|worker| {
        worker
            .handle("never", |_, _: IgnoredAny| async {
                Outcome::discard("no use")
            })
            .handle("stop", |_, _: IgnoredAny| async {
                Outcome::cancel("unwanted")
            })
    });
    let never = bench.enqueue(job("never")).await;
    let stop = bench.enqueue(job("stop")).await;
    let never = bench.ended(never).await;
    assert_eq!(
        (never.summary.state, never.summary.attempt),
        (State::Discarded, 1)
    );
    assert_eq!(never.errors[0].failure.kind, ErrorKind::Refused);
    assert_eq!(bench.ended(stop).await.summary.state, State::Cancelled);
    bench.drain().await;
}

#[tokio::test]
async fn a_snooze_is_not_counted_and_the_job_finds_its_progress_again() {
    let bench = Bench::new();
    bench.start(|worker| {
        worker.handle("wait", |ctx: Context, _: IgnoredAny| async move {
            let seen: u32 = ctx.last_progress()?.unwrap_or(0);
            if seen < 3 {
                ctx.progress(&(seen + 1))?;
                return Ok::<_, anyhow::Error>(Outcome::snooze(Duration::ZERO));
            }
            Ok(Outcome::done())
        })
    });
    let id = bench.enqueue(job("wait").max_attempts(1)).await;
    let ended = bench.ended(id).await;
    assert_eq!(
        (ended.summary.state, ended.summary.attempt),
        (State::Completed, 1)
    );
    bench.drain().await;
}

#[tokio::test]
async fn a_put_off_job_runs_when_its_time_has_come() {
    let bench = Bench::new();
    bench.start(|worker| {
        worker.handle("later", |ctx: Context, _: IgnoredAny| async move {
            if ctx.age() < Duration::from_mins(1) {
                Outcome::snooze(Duration::from_mins(1))
            } else {
                Outcome::done()
            }
        })
    });
    let id = bench.enqueue(job("later")).await;
    bench.in_state(id, State::Scheduled).await;
    assert_eq!(bench.store.promote(10).await.unwrap().count, 0);
    bench.clock.advance(Duration::from_mins(1));
    // The worker's lease is over by the same clock: it registers anew and carries on.
    assert_eq!(bench.store.promote(10).await.unwrap().count, 1);
    assert_eq!(bench.ended(id).await.summary.state, State::Completed);
    bench.drain().await;
}

#[tokio::test]
async fn a_panic_is_the_attempts_and_not_the_workers() {
    let bench = Bench::new();
    bench.start(|worker| {
        worker.handle("bomb", |ctx: Context, _: IgnoredAny| async move {
            assert!(ctx.attempt() > 1, "boom {}", ctx.id());
        })
    });
    let id = bench.enqueue(job("bomb")).await;
    let ended = bench.ended(id).await;
    assert_eq!(
        (ended.summary.state, ended.summary.attempt),
        (State::Completed, 2)
    );
    assert_eq!(ended.errors[0].failure.kind, ErrorKind::Panicked);
    assert!(ended.errors[0].failure.message.contains("boom"));
    bench.drain().await;
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_is_stopped_and_tried_again() {
    let bench = Bench::new();
    bench.start(|worker| {
        worker.handle("slow", |ctx: Context, _: IgnoredAny| async move {
            if ctx.attempt() == 1 {
                std::future::pending::<()>().await;
            }
        })
    });
    let mut slow = job("slow");
    slow.timeout = Some(Duration::from_millis(20));
    let id = bench.enqueue(slow).await;
    let ended = bench.ended(id).await;
    assert_eq!(
        (ended.summary.state, ended.summary.attempt),
        (State::Completed, 2)
    );
    assert_eq!(ended.errors[0].failure.kind, ErrorKind::TimedOut);
    bench.drain().await;
}

#[tokio::test]
async fn args_that_do_not_fit_are_an_error_that_names_the_field() {
    let bench = Bench::new();
    bench.start(|worker| worker.handle("sum", |_, _: Sum| async {}));
    let mut odd = NewJob::new("sum", &serde_json::json!({"of": [1, "two"]})).unwrap();
    odd.max_attempts = 1;
    let id = bench.enqueue(odd).await;
    let ended = bench.ended(id).await;
    assert_eq!(ended.summary.state, State::Discarded);
    assert!(
        ended.errors[0].failure.message.contains("of[1]"),
        "{:?}",
        ended.errors
    );
    bench.drain().await;
}

#[tokio::test]
async fn a_job_of_an_unknown_kind_is_put_off_and_never_discarded() {
    let bench = Bench::new();
    bench.start(|worker| worker.handle("known", |_, _: IgnoredAny| async {}));
    let id = bench.enqueue(job("unknown").max_attempts(1)).await;
    let put_off = bench.in_state(id, State::Scheduled).await;
    assert_eq!(put_off.errors[0].failure.kind, ErrorKind::UnknownKind);
    assert!(put_off.errors[0].failure.message.contains("\"unknown\""));
    assert!(put_off.errors[0].failure.message.contains("known"));
    assert_eq!(put_off.summary.attempt, 0);
    bench.drain().await;
}

#[tokio::test]
async fn no_more_jobs_run_at_once_than_allowed_and_all_of_them_run() {
    let bench = Bench::new();
    let (now, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (count, peak) = (Arc::clone(&now), Arc::clone(&most));
    bench.start(|worker| {
        worker.handle("busy", move |_, _: IgnoredAny| {
            let (count, peak) = (Arc::clone(&count), Arc::clone(&peak));
            async move {
                peak.fetch_max(count.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
                count.fetch_sub(1, Ordering::SeqCst);
            }
        })
    });
    let jobs: Vec<NewJob> = (0..500).map(|_| job("busy")).collect();
    let last = jobs[499].id;
    bench.store.enqueue(jobs).await.unwrap();
    bench.ended(last).await;
    bench.drain().await;
    let queues = bench.store.queues().await.unwrap();
    assert_eq!(queues[0].count(State::Completed), 500);
    assert!(most.load(Ordering::SeqCst) <= 4, "{most:?} at once");
}

#[tokio::test]
async fn a_queue_that_appears_later_is_served() {
    let bench = Bench::new();
    bench.start(|worker| worker.handle("noop", |_, _: IgnoredAny| async {}));
    let first = bench.enqueue(job("noop")).await;
    bench.ended(first).await;
    let second = bench
        .enqueue(job("noop").queue("elsewhere".parse().unwrap()))
        .await;
    bench.ended(second).await;
    bench.drain().await;
}
