//! Calls that are refused, and answers that are lost: each mutating call of a worker is repeated
//! until it is answered, and the repetition changes nothing more.

use shared::job::{NewJob, State};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};
use windlass_tests::faulty::Fault;

use crate::bench::Bench;

/// Runs ten jobs while `method` meets `fault` for a while; each must run once and complete.
async fn each_job_runs_once(method: &'static str, fault: Fault) {
    let bench = Bench::new();
    let runs = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&runs);
    bench.store.set(&[method], Some(fault));
    bench.start(|worker| {
        worker.handle("noop", move |_, (): ()| {
            count.fetch_add(1, Ordering::SeqCst);
            std::future::ready(())
        })
    });
    let jobs: Vec<NewJob> = (0..10).map(|_| NewJob::new("noop", &()).unwrap()).collect();
    let ids: Vec<_> = jobs.iter().map(|job| job.id).collect();
    bench.truth.enqueue(jobs).await.unwrap();
    bench.met(2).await;
    bench.store.set(&[method], None);
    for id in ids {
        let ended = bench.ended(id).await;
        assert_eq!(
            (ended.summary.state, ended.summary.attempt),
            (State::Completed, 1),
            "{method}"
        );
        assert_eq!(ended.summary.crashes, 0, "{method}");
    }
    assert_eq!(runs.load(Ordering::SeqCst), 10, "{method} {fault:?}");
    bench.drain().await;
    assert!(
        bench.truth.workers().await.unwrap().is_empty() || method == "register",
        "{method}"
    );
}

#[tokio::test]
async fn a_registration_is_asked_for_until_it_is_given() {
    each_job_runs_once("register", Fault::Refused).await;
    each_job_runs_once("register", Fault::AnswerLost).await;
}

#[tokio::test]
async fn a_claim_whose_answer_is_lost_is_found_again() {
    each_job_runs_once("claim", Fault::Refused).await;
    each_job_runs_once("claim", Fault::AnswerLost).await;
}

#[tokio::test]
async fn a_settle_whose_answer_is_lost_is_not_counted_twice() {
    each_job_runs_once("settle", Fault::Refused).await;
    each_job_runs_once("settle", Fault::AnswerLost).await;
}

#[tokio::test]
async fn queues_that_cannot_be_listed_are_listed_later() {
    each_job_runs_once("queues", Fault::Refused).await;
}

#[tokio::test]
async fn due_jobs_are_promoted_once_the_store_is_back() {
    let bench = Bench::new();
    bench.store.set(&["promote"], Some(Fault::Refused));
    bench.start(|worker| worker.handle("noop", |_, (): ()| async {}));
    let delay = std::time::Duration::from_millis(1);
    let id = bench
        .enqueue(NewJob::new("noop", &()).unwrap().delay(delay))
        .await;
    bench.met(2).await;
    assert_eq!(
        bench.in_state(id, State::Scheduled).await.summary.attempt,
        0
    );
    bench.store.set(&["promote"], None);
    assert_eq!(bench.ended(id).await.summary.state, State::Completed);
    bench.drain().await;
}
