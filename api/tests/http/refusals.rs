//! Who may ask at all, and how: hosts, origins, media types, methods, addresses.

use axum::body::Body;
use http::Request;
use insta::assert_json_snapshot;
use serde_json::json;

use crate::harness::{Service, request};

#[tokio::test]
async fn a_host_that_is_not_loopback_is_refused_whatever_it_asks() {
    let service = Service::new();
    for path in ["/", "/v1/jobs", "/healthz", "/nothing"] {
        let request = Request::get(path).header("host", "attacker.example:7400");
        let answer = service.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(
            (answer.status, answer.problem()),
            (421, "wrong-host".to_owned()),
            "{path}"
        );
    }
    let post = Request::post("/v1/jobs")
        .header("host", "attacker.example")
        .header("content-type", "application/json")
        .body(Body::from(r#"{"kind":"noop"}"#))
        .unwrap();
    assert_json_snapshot!(service.send(post).await.shown());
    assert_eq!(service.jobs().await, 0);

    let none = Request::get("/").body(Body::empty()).unwrap();
    assert_eq!(service.send(none).await.status, 421);
    let two = request("GET", "/").header("host", "attacker.example");
    assert_eq!(
        service.send(two.body(Body::empty()).unwrap()).await.status,
        421
    );
    let target = request("GET", "http://attacker.example/v1/jobs");
    assert_eq!(
        service
            .send(target.body(Body::empty()).unwrap())
            .await
            .status,
        421
    );
}

#[tokio::test]
async fn what_a_browser_sends_from_another_site_is_refused() {
    let service = Service::new();
    let id = service.submit(json!({ "kind": "noop" })).await;
    let run = "/v1/pipelines/economy/run";
    let cancel = format!("/v1/jobs/{id}/cancel");
    for (name, value) in [
        ("origin", "https://attacker.example"),
        ("origin", "null"),
        ("origin", "http://localhost:3000"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        for path in [run, &cancel] {
            let request = request("POST", path).header(name, value);
            let answer = service.send(request.body(Body::empty()).unwrap()).await;
            assert_eq!(
                (answer.status, answer.problem()),
                (403, "cross-site".to_owned()),
                "{value}"
            );
        }
    }
    assert_eq!(service.jobs().await, 1);
    for (name, value) in [
        ("origin", "http://localhost:7400"),
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-site", "none"),
    ] {
        let request = request("POST", run).header(name, value);
        let answer = service.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, 202, "{name}: {value}");
        assert_eq!(answer.header("access-control-allow-origin"), "");
    }
}

#[tokio::test]
async fn a_body_must_be_declared_as_json() {
    let service = Service::new();
    for declared in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("multipart/form-data; boundary=x"),
        Some("text/json"),
        Some("application/jsonp"),
    ] {
        let mut request = request("POST", "/v1/jobs");
        if let Some(declared) = declared {
            request = request.header("content-type", declared);
        }
        let request = request.body(Body::from(r#"{"kind":"noop"}"#)).unwrap();
        let answer = service.send(request).await;
        assert_eq!(
            (answer.status, answer.problem()),
            (415, "unsupported-media-type".to_owned()),
            "{declared:?}"
        );
    }
    let zipped = request("POST", "/v1/jobs")
        .header("content-type", "application/json")
        .header("content-encoding", "gzip")
        .body(Body::from("x"))
        .unwrap();
    assert_json_snapshot!(service.send(zipped).await.shown());
    assert_eq!(service.jobs().await, 0);
}

#[tokio::test]
async fn unknown_addresses_and_methods_are_told() {
    let service = Service::new();
    assert_json_snapshot!("address", service.get("/v1/jbos").await.shown());
    for path in ["/v1", "/v1/jobs/", "/v1/queues/a/b", "/v1/jobs/%ff", "//"] {
        let answer = service.get(path).await;
        assert_eq!(
            (answer.status, answer.problem()),
            (404, "no-such-address".to_owned()),
            "{path}"
        );
    }
    assert_json_snapshot!("method", service.poke("/v1/queues").await.shown());
    for (method, path, allow) in [
        ("DELETE", "/v1/jobs", "GET,HEAD,POST"),
        ("OPTIONS", "/v1/jobs", "GET,HEAD,POST"),
        ("POST", "/v1/jobs/1", "GET,HEAD"),
        ("GET", "/v1/jobs/1/cancel", "POST"),
        ("PUT", "/v1/queues/x", "GET,HEAD,PATCH"),
    ] {
        let request = request(method, path).body(Body::empty()).unwrap();
        let answer = service.send(request).await;
        assert_eq!(
            (answer.status, answer.header("allow")),
            (405, allow),
            "{method} {path}"
        );
        assert_eq!(answer.problem(), "method-not-allowed");
    }
}

#[tokio::test]
async fn every_answer_carries_its_request_id() {
    let service = Service::new();
    let fresh = service.get("/healthz").await;
    assert!(uuid::Uuid::try_parse(fresh.header("x-request-id")).is_ok());
    assert_eq!(fresh.header("cache-control"), "no-store");
    let long = "x".repeat(65);
    for (given, taken) in [("order-7/a", true), ("two words", false), (&long, false)] {
        let request = request("GET", "/nothing").header("x-request-id", given);
        let answer = service.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.header("x-request-id") == given, taken, "{given}");
        assert_ne!(answer.header("x-request-id"), "");
    }
}
