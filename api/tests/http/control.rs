//! Steering jobs and queues: cancel, retry, pause, resume.

use insta::assert_json_snapshot;
use serde_json::json;
use shared::job::{
    JobId,
    attempt::{ErrorKind, Failure},
    outcome::Ending,
};

use crate::harness::{Service, request};

#[tokio::test]
async fn a_job_that_waits_is_cancelled_at_once_and_again_without_a_fuss() {
    let service = Service::new();
    let id = service
        .submit(json!({ "kind": "noop", "delay": "1h" }))
        .await;
    let path = format!("/v1/jobs/{id}/cancel");
    let answer = service.post(&path, r#"{"reason":"not wanted"}"#).await;
    assert_json_snapshot!(answer.shown());
    let again = service.post(&path, r#"{"reason":"another"}"#).await;
    assert_eq!((again.status, again.json()), (200, answer.json()));
}

#[tokio::test]
async fn a_running_job_is_asked_to_stop() {
    let service = Service::new();
    let id = service.submit(json!({ "kind": "noop" })).await;
    let mut hands = service.hands().await;
    let job = hands.claim().await;
    let answer = service.poke(&format!("/v1/jobs/{id}/cancel")).await;
    assert_eq!(answer.status, 202);
    assert_eq!(answer.json()["state"], "running");
    assert_eq!(
        answer.json()["cancel_requested"]["reason"],
        "no reason was given"
    );

    let failure = Failure::new(ErrorKind::Cancelled, "stopped when asked");
    hands.settle(&job, Ending::Cancel { failure }).await;
    assert_json_snapshot!(service.get(&format!("/v1/jobs/{id}")).await.shown());
}

#[tokio::test]
async fn a_job_that_has_ended_cannot_be_cancelled() {
    let service = Service::new();
    let id = service.submit(json!({ "kind": "noop" })).await;
    service.hands().await.complete(json!(1)).await;
    let answer = service.poke(&format!("/v1/jobs/{id}/cancel")).await;
    assert_json_snapshot!(answer.shown());
}

#[tokio::test]
async fn a_job_that_waits_for_its_time_is_run_now() {
    let service = Service::new();
    let id = service.submit(json!({ "kind": "noop" })).await;
    service.hands().await.fail("mail server is away").await;
    let waiting = service.get(&format!("/v1/jobs/{id}")).await;
    assert_json_snapshot!(waiting.shown());

    let path = format!("/v1/jobs/{id}/retry");
    let answer = service.poke(&path).await;
    assert_eq!(
        (answer.status, &answer.json()["state"]),
        (200, &json!("available"))
    );
    assert_eq!(answer.json()["error"], json!(null));
    assert_eq!(answer.json()["errors"], waiting.json()["errors"]);
    assert_eq!(service.poke(&path).await.status, 200);
}

#[tokio::test]
async fn what_does_not_wait_is_not_run_now() {
    let service = Service::new();
    let running = service.submit(json!({ "kind": "noop" })).await;
    let mut hands = service.hands().await;
    let job = hands.claim().await;
    let answer = service.poke(&format!("/v1/jobs/{running}/retry")).await;
    assert_eq!(
        (answer.status, answer.problem()),
        (409, "job-not-waiting".to_owned())
    );
    assert_eq!(answer.json()["state"], "running");

    hands.settle(&job, Ending::Complete { result: None }).await;
    let answer = service.poke(&format!("/v1/jobs/{running}/retry")).await;
    assert_eq!(
        (answer.status, answer.problem()),
        (409, "job-ended".to_owned())
    );

    let dead = service.dead_letter(json!({ "kind": "noop" })).await;
    assert_json_snapshot!(
        service
            .poke(&format!("/v1/jobs/{dead}/retry"))
            .await
            .shown()
    );
}

#[tokio::test]
async fn an_unknown_job_is_told_by_its_id() {
    let service = Service::new();
    let id = JobId::generate();
    let answer = service.get(&format!("/v1/jobs/{id}")).await;
    assert_json_snapshot!(answer.shown());
    for (method, path) in [
        ("POST", format!("/v1/jobs/{id}/cancel")),
        ("POST", format!("/v1/jobs/{id}/retry")),
        ("GET", format!("/v1/jobs/{id}?wait=10s")),
        ("GET", "/v1/jobs/7".to_owned()),
        (
            "GET",
            "/v1/jobs/67e55044-10b1-426f-9247-bb680e5fe0c8".to_owned(),
        ),
        ("GET", format!("/v1/jobs/%00{}", "x".repeat(5000))),
    ] {
        let request = request(method, &path).body(axum::body::Body::empty());
        let answer = service.send(request.unwrap()).await;
        assert_eq!(
            (answer.status, answer.problem()),
            (404, "job-not-found".to_owned()),
            "{path}"
        );
        assert!(answer.text.len() < 1000, "{}", answer.text);
    }
}

#[tokio::test]
async fn a_queue_is_paused_and_resumed() {
    let service = Service::new();
    service
        .submit(json!({ "kind": "noop", "queue": "mail" }))
        .await;
    service
        .submit(json!({ "kind": "noop", "queue": "mail", "delay": "1h" }))
        .await;
    service.submit(json!({ "kind": "noop" })).await;
    let patch = |path: &str, body: &'static str| {
        let request = request("PATCH", path).header("content-type", "application/json");
        service.send(request.body(body.into()).unwrap())
    };
    let paused = patch("/v1/queues/mail", r#"{"paused":true}"#).await;
    assert_eq!(
        (paused.status, &paused.json()["paused"]),
        (200, &json!(true))
    );
    assert_json_snapshot!(service.get("/v1/queues").await.shown());

    service.clock.advance(std::time::Duration::from_secs(5));
    let again = patch("/v1/queues/mail", r#"{"paused":true}"#).await;
    assert_eq!(again.json(), paused.json());
    let resumed = patch("/v1/queues/mail", r#"{"paused":false}"#).await;
    assert_eq!(resumed.json()["paused_at"], json!(null));
    assert_eq!(service.get("/v1/queues/mail").await.json(), resumed.json());

    for (path, body, problem) in [
        ("/v1/queues/nobody", r#"{"paused":true}"#, "queue-not-found"),
        (
            "/v1/queues/no%20body",
            r#"{"paused":true}"#,
            "queue-not-found",
        ),
        ("/v1/queues/mail", r#"{"paused":"yes"}"#, "validation-error"),
        ("/v1/queues/mail", "{}", "validation-error"),
        ("/v1/queues/mail", "", "malformed-json"),
    ] {
        assert_eq!(patch(path, body).await.problem(), problem, "{path} {body}");
    }
    assert_json_snapshot!(service.get("/v1/queues/nobody").await.shown());
}
