//! Trouble inside: the store is away, and nothing of it is told but an id.

use insta::assert_json_snapshot;
use serde_json::json;
use shared::store::Store;
use std::sync::{Arc, Mutex, PoisonError};
use tracing_subscriber::fmt::MakeWriter;

use crate::harness::{Service, request};

#[tokio::test]
async fn a_store_that_is_away_is_told_as_such_on_every_route() {
    let service = Service::new();
    let id = service.submit(json!({ "kind": "noop" })).await;
    service.store.close().await;
    for (method, path, body) in [
        ("POST", "/v1/jobs", r#"{"kind":"noop"}"#),
        (
            "POST",
            "/v1/jobs",
            r#"{"kind":"noop","run_at":"2026-11-21T08:00:00Z"}"#,
        ),
        ("GET", "/v1/jobs", ""),
        ("GET", &format!("/v1/jobs/{id}"), ""),
        ("GET", &format!("/v1/jobs/{id}?wait=20s"), ""),
        ("POST", &format!("/v1/jobs/{id}/cancel"), ""),
        ("POST", &format!("/v1/jobs/{id}/retry"), ""),
        ("GET", "/v1/queues", ""),
        ("GET", "/v1/queues/default", ""),
        ("PATCH", "/v1/queues/default", r#"{"paused":true}"#),
        ("GET", "/v1/dead-letters", ""),
        ("POST", "/v1/dead-letters/replay", r#"{"filter":{}}"#),
        ("GET", "/v1/pipelines", ""),
        ("GET", "/v1/pipelines/economy", ""),
        ("POST", "/v1/pipelines/economy/run", ""),
        ("GET", "/v1/workers", ""),
        ("GET", "/v1/schedules", ""),
        ("POST", "/v1/schedules/x/pause", ""),
        ("GET", "/v1/destinations", ""),
        ("POST", "/v1/destinations/x/enable", ""),
        (
            "GET",
            "/v1/destinations/x/receipts/0197f2c4-6f2e-7b1c-8d7a-3f5f0a6f2b11",
            "",
        ),
        (
            "POST",
            "/v1/destinations/databox/publish",
            r#"{"points":[{"key":"a","value":1}]}"#,
        ),
        ("GET", "/readyz", ""),
    ] {
        let request = request(method, path).header("content-type", "application/json");
        let answer = service
            .send(request.body(body.to_owned().into()).unwrap())
            .await;
        assert_eq!(
            (answer.status, answer.problem()),
            (503, "store-unavailable".to_owned()),
            "{method} {path}"
        );
        assert_eq!(answer.header("retry-after"), "2");
        assert!(!answer.text.contains("closed"), "{}", answer.text);
    }
    assert_eq!(service.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_problem_of_ours_carries_only_an_id_and_the_log_has_its_cause_under_it() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(
        tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(log.clone())
            .finish(),
    );
    let service = Service::new();
    service.store.close().await;
    let answer = service.get("/v1/jobs?tag=not-in-the-log").await;
    assert_json_snapshot!(answer.shown());

    let told = answer.json()["instance"].as_str().unwrap().to_owned();
    let log = log.text();
    let line = log.lines().find(|line| line.contains(&told)).unwrap();
    assert!(line.contains("the store is closed"), "{line}");
    assert!(line.contains(answer.header("x-request-id")), "{line}");
    assert!(log.contains("GET /v1/jobs: 503"), "{log}");
    assert!(!log.contains("not-in-the-log"), "{log}");
}

/// Where a test's log goes.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
