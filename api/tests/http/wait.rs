//! Waiting for a job's end.

use serde_json::json;
use shared::store::JobStore;
use std::time::Duration;
use tokio::time::Instant;
use windlass_api::Settings;

use crate::harness::Service;

#[tokio::test(start_paused = true)]
async fn a_wait_ends_with_the_job() {
    let service = Service::new();
    let id = service.submit(json!({ "kind": "noop" })).await;
    let path = format!("/v1/jobs/{id}?wait=20s");
    let began = Instant::now();
    let work = async {
        tokio::time::sleep(Duration::from_secs(7)).await;
        service.hands().await.complete(json!(1)).await;
    };
    let (answer, ()) = tokio::join!(service.get(&path), work);
    assert_eq!(
        (answer.status, &answer.json()["state"]),
        (200, &json!("completed"))
    );
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_over_answers_with_the_present_state() {
    let service = Service::new();
    let id = service.submit(json!({ "kind": "noop" })).await;
    let began = Instant::now();
    let answer = service.get(&format!("/v1/jobs/{id}?wait=20s")).await;
    assert_eq!(
        (answer.status, &answer.json()["state"]),
        (200, &json!("available"))
    );
    assert_eq!(began.elapsed(), Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_no_longer_than_a_request_may_take() {
    let service = Service::with(Settings {
        request_timeout: Duration::from_secs(3),
        ..Settings::default()
    });
    let id = service.submit(json!({ "kind": "noop" })).await;
    let began = Instant::now();
    let answer = service.get(&format!("/v1/jobs/{id}?wait=9999w")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(began.elapsed(), Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_job_that_has_ended_is_answered_at_once_and_so_is_no_wait() {
    let service = Service::new();
    let open = service
        .submit(json!({ "kind": "noop", "delay": "1h" }))
        .await;
    let done = service.submit(json!({ "kind": "noop" })).await;
    service.hands().await.complete(json!(1)).await;
    let began = Instant::now();
    assert_eq!(
        service
            .get(&format!("/v1/jobs/{done}?wait=20s"))
            .await
            .status,
        200
    );
    assert_eq!(
        service.get(&format!("/v1/jobs/{open}?wait=0")).await.status,
        200
    );
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_are_let_go_when_the_process_stops() {
    let service = Service::new();
    let id = service.submit(json!({ "kind": "noop" })).await;
    let path = format!("/v1/jobs/{id}?wait=20s");
    let began = Instant::now();
    let stop = async {
        tokio::task::yield_now().await;
        service.shutdown.drain();
    };
    let (answer, ()) = tokio::join!(service.get(&path), stop);
    assert_eq!(
        (answer.status, &answer.json()["state"]),
        (200, &json!("available"))
    );
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn more_than_a_bounded_number_cannot_wait() {
    let service = Service::new();
    let id = service.submit(json!({ "kind": "noop" })).await;
    let path = format!("/v1/jobs/{id}?wait=20s");
    let waits = (0..300).map(|_| service.get(&path));
    let answers = futures_util::future::join_all(waits).await;
    let refused: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status == 429)
        .collect();
    assert_eq!(refused.len(), 300 - 256);
    insta::assert_json_snapshot!(refused[0].shown());
    assert!(
        answers
            .iter()
            .all(|answer| [200, 429].contains(&answer.status))
    );
    // Their places are free again.
    assert_eq!(service.get(&path).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_forgotten_meanwhile_is_told() {
    let service = Service::new();
    let id = service.submit(json!({ "kind": "noop" })).await;
    let path = format!("/v1/jobs/{id}?wait=20s");
    let work = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        service.hands().await.complete(json!(1)).await;
        service.clock.advance(Duration::from_hours(48));
        prune(&service).await;
    };
    let (answer, ()) = tokio::join!(service.get(&path), work);
    assert_eq!(
        (answer.status, answer.problem()),
        (404, "job-not-found".to_owned())
    );
}

async fn prune(service: &Service) {
    use shared::store::{DutyStore, PruneParams, Retention};
    let day = Duration::from_hours(24);
    let retention = Retention {
        completed: day,
        cancelled: day,
        discarded: day,
    };
    let params = PruneParams {
        retention,
        limit: 10,
    };
    assert_eq!(service.store.prune(params).await.unwrap().count, 1);
    assert!(service.store.get(vec![]).await.unwrap().is_empty());
}
