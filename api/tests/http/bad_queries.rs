//! Bad input to everything but submissions: queries and the other bodies.

use serde_json::json;

use crate::{bad_input::faults, harness::Service};

#[tokio::test]
async fn a_query_is_judged_as_strictly_as_a_body() {
    let service = Service::new();
    let id = service.submit(json!({ "kind": "noop" })).await;
    for (path, place, detail) in [
        ("/v1/jobs?state=gone", "state", "is none of pending"),
        ("/v1/jobs?kind=a%20b", "kind", "holds ' '"),
        ("/v1/jobs?queue=%ff", "queue", "does not start"),
        ("/v1/jobs?tag=a,b", "tag", "holds ','"),
        ("/v1/jobs?limit=0", "limit", "is not between 1 and 1000"),
        ("/v1/jobs?limit=1001", "limit", "is not between 1 and 1000"),
        ("/v1/jobs?limit=-1", "limit", "is not between 1 and 1000"),
        ("/v1/jobs?limit=1&limit=2", "limit", "is given twice"),
        (
            "/v1/jobs?accepted_from=1763708400",
            "accepted_from",
            "RFC 3339",
        ),
        ("/v1/jobs?cursor=AAAA", "cursor", "is damaged"),
        ("/v1/jobs?lmit=5", "lmit", "did you mean `limit`?"),
        ("/v1/jobs?colour=5", "colour", "known are kind, queue"),
        (
            "/v1/dead-letters?state=dead",
            "state",
            "known are kind, queue",
        ),
        (
            "/v1/dead-letters?open=yes",
            "open",
            "is neither true nor false",
        ),
        (
            &format!("/v1/jobs/{id}?wait=20"),
            "wait",
            "is not a length of time",
        ),
        (
            &format!("/v1/jobs/{id}?wiat=20s"),
            "wiat",
            "did you mean `wait`?",
        ),
    ] {
        let found = faults(&service.get(path).await);
        assert_eq!(found.len(), 1, "{path}");
        assert_eq!(found[0].0, place, "{path}");
        assert!(found[0].1.contains(detail), "{path}: {}", found[0].1);
    }
}

#[tokio::test]
async fn other_bodies_are_judged_as_strictly() {
    let service = Service::new();
    let id = service.submit(json!({ "kind": "noop" })).await;
    let cancel = format!("/v1/jobs/{id}/cancel");
    let replay = "/v1/dead-letters/replay";
    let long = json!({ "reason": "x".repeat(1001) }).to_string();
    for (path, body, place) in [
        (cancel.as_str(), "{\"raeson\":\"x\"}", "#/raeson"),
        (&cancel, "[\"why\"]", "#"),
        (&cancel, &long, "#/reason"),
        (replay, "{}", "#"),
        (replay, "{\"ids\":[],\"filter\":{}}", "#"),
        (replay, "{\"ids\":[\"7\"]}", "#/ids/0"),
        (replay, "{\"ids\":[],\"args\":{}}", "#/args"),
        (replay, "{\"ids\":[],\"limit\":5}", "#/limit"),
        (replay, "{\"filter\":{},\"args\":{}}", "#/args"),
        (replay, "{\"filter\":{},\"limit\":0}", "#/limit"),
        (replay, "{\"filter\":{},\"limit\":10001}", "#/limit"),
        (replay, "{\"filter\":{\"kind\":\"a b\"}}", "#/filter/kind"),
        (
            replay,
            "{\"filter\":{\"state\":\"dead\"}}",
            "#/filter/state",
        ),
        (
            replay,
            "{\"filter\":{\"accepted_from\":\"now\"}}",
            "#/filter/accepted_from",
        ),
        (replay, "{\"filter\":\"all\"}", "#/filter"),
        (replay, "{\"ids\":[],\"dry_run\":1}", "#/dry_run"),
    ] {
        let found = faults(&service.post(path, body.to_owned()).await);
        assert_eq!(found.len(), 1, "{path} {body}");
        assert_eq!(found[0].0, place, "{path} {body}");
    }
    let many = json!({ "ids": vec![id; 10_001] }).to_string();
    assert_eq!(faults(&service.post(replay, many).await)[0].0, "#/ids");
}

#[tokio::test]
async fn what_nobody_would_heed_is_refused() {
    let service = Service::new();
    let id = service
        .submit(json!({ "kind": "noop", "delay": "1h" }))
        .await;
    let retry = format!("/v1/jobs/{id}/retry");
    for path in [
        "/v1/queues?limit=5",
        "/v1/queues/default?limit=5",
        "/v1/pipelines?limit=5",
        "/v1/pipelines/economy?limit=5",
        "/v1/workers?limit=5",
        "/v1/schedules?limit=5",
        "/v1/destinations?limit=5",
    ] {
        let found = faults(&service.get(path).await);
        assert_eq!(
            found,
            [(
                "limit".to_owned(),
                "is unknown; nothing may be said here".to_owned()
            )]
        );
    }
    let job = r#"{"kind":"noop"}"#;
    let found = faults(&service.post("/v1/jobs?wait=20s", job).await);
    assert_eq!(found[0].0, "wait");
    for path in [
        retry.as_str(),
        "/v1/pipelines/economy/run",
        "/v1/schedules/economy/pause",
        "/v1/schedules/economy/resume",
        "/v1/destinations/databox/enable",
    ] {
        let found = faults(&service.post(path, r#"{"force":true}"#).await);
        assert_eq!(found[0].0, "#/force", "{path}");
        assert_eq!(found[0].1, "is unknown; nothing may be said here");
        assert_eq!(faults(&service.post(path, "[]").await)[0].0, "#", "{path}");
        let broken = service.post(path, "{").await;
        assert_eq!(broken.problem(), "malformed-json", "{path}");
        let found = faults(&service.post(&format!("{path}?force=true"), "").await);
        assert_eq!(found[0].0, "force", "{path}");
    }
    assert_eq!(service.jobs().await, 1);
    let job = service.get(&format!("/v1/jobs/{id}")).await.json();
    assert_eq!(job["state"], "scheduled");
    assert_eq!(service.post(&retry, "{}").await.status, 200);
    assert_eq!(service.get("/healthz?probe=1").await.status, 200);
}
