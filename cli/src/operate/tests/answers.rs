//! Servers that do not answer, that are not the API, or that need another try.

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode, header},
    response::{IntoResponse, Response},
};
use reqwest::Url;
use shared::clock::Clock;
use std::sync::{Arc, Mutex};

use super::harness::{self, Told};
use crate::exit::Code;

/// A server that answers in turn; past the end, the last answer stays. Keeps the bodies it got.
async fn script(
    answers: Vec<(StatusCode, &'static str, &'static str)>,
) -> (Url, Arc<Mutex<Vec<String>>>) {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let bodies = Arc::clone(&seen);
    let answer = move |request: Request<Body>| {
        let (answers, bodies) = (answers.clone(), Arc::clone(&bodies));
        async move {
            let body = axum::body::to_bytes(request.into_body(), usize::MAX)
                .await
                .unwrap();
            let mut bodies = bodies.lock().unwrap();
            bodies.push(String::from_utf8(body.to_vec()).unwrap());
            let turn = (bodies.len() - 1).min(answers.len() - 1);
            let (status, media, text) = answers[turn];
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, media.parse().unwrap());
            headers.insert("x-request-id", "r-7".parse().unwrap());
            headers.insert(header::RETRY_AFTER, "0".parse().unwrap());
            (status, headers, text).into_response()
        }
    };
    (harness::serve(Router::new().fallback(answer)).await, seen)
}

async fn run(url: &Url, line: &[&str]) -> Told {
    harness::run(url, &Clock::system(), line).await
}

const AWAY: (StatusCode, &str, &str) = (
    StatusCode::SERVICE_UNAVAILABLE,
    "application/problem+json",
    r#"{"type": "/problems/store-unavailable", "title": "The store cannot be reached",
        "status": 503, "instance": "urn:uuid:1"}"#,
);

const ACCEPTED: (StatusCode, &str, &str) = (
    StatusCode::CREATED,
    "application/json",
    r#"{"verdict": "new", "id": "0197f2c4-6f2e-7b1c-8d7a-3f5f0a6f2b11", "state": "available",
        "job": null}"#,
);

#[tokio::test]
async fn an_unreachable_server_is_told_with_what_to_do() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (code, message) = run(&url.parse().unwrap(), &["job", "list"]).await.failed();
    assert_eq!(code, Code::Unavailable);
    let expected = format!(
        "nobody answers at {url}\n  is `windlass up` or `windlass api` running? \
         Another address: --server URL, or WINDLASS_SERVER"
    );
    assert_eq!(message, expected);
}

#[tokio::test]
async fn a_server_that_is_another_one_is_told_as_such() {
    let page = "<html>\n<title>It works \u{1b}[2J!</title>";
    for (status, code) in [
        (StatusCode::OK, Code::Failed),
        (StatusCode::NOT_FOUND, Code::Failed),
        (StatusCode::BAD_GATEWAY, Code::Unavailable),
    ] {
        let (url, _) = script(vec![(status, "text/html; charset=utf-8", page)]).await;
        let told = run(&url, &["queue", "list"]).await;
        let (told_code, message) = told.failed();
        assert_eq!(told_code, code);
        let what = format!(
            "is not the API of Windlass: {}, text/html that begins \"<html> <title>It works \
             \\u{{1b}}[2J!</title>\"\n",
            status.as_u16()
        );
        assert!(message.contains(&what), "{message}");
    }
    let (url, _) = script(vec![(StatusCode::OK, "application/json", "{\"hello\": 1}")]).await;
    let (code, message) = run(&url, &["queue", "list"]).await.failed();
    assert_eq!(code, Code::Failed);
    assert!(message.contains("missing field `items`"), "{message}");
}

#[tokio::test]
async fn a_submission_is_sent_again_as_it_was_until_it_is_answered() {
    let (url, seen) = script(vec![AWAY, AWAY, ACCEPTED]).await;
    run(&url, &["job", "submit", "mail"]).await.fine();
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 3);
    assert!(seen[0].starts_with(r#"{"id":"0"#), "{}", seen[0]);
    assert!(seen.iter().all(|body| *body == seen[0]), "{seen:?}");
}

#[tokio::test]
async fn a_server_that_stays_away_is_given_up_with_what_to_look_for() {
    let (url, seen) = script(vec![AWAY]).await;
    let (code, message) = run(&url, &["queue", "list"]).await.failed();
    assert_eq!(code, Code::Unavailable);
    insta::assert_snapshot!(message, @r"
    the store cannot be reached
      instance urn:uuid:1
      request r-7
      the log of the API has the cause under it
    ");
    assert_eq!(seen.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn what_would_be_done_twice_or_told_late_is_sent_once() {
    for line in [
        &["pipeline", "run", "economy"][..],
        &["dlq", "replay", "--all"],
        &["status"],
    ] {
        let (url, seen) = script(vec![AWAY]).await;
        let (code, _) = run(&url, line).await.failed();
        assert_eq!(code, Code::Unavailable);
        assert_eq!(seen.lock().unwrap().len(), 1, "{line:?}");
    }
    let (url, seen) = script(vec![AWAY]).await;
    run(&url, &["dlq", "replay", "--all", "--dry-run"])
        .await
        .failed();
    assert_eq!(seen.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn a_list_that_breaks_off_says_where_to_go_on() {
    let page = (
        StatusCode::OK,
        "application/json",
        r#"{"items": [{"id": 1}], "next": "c2"}"#,
    );
    let (url, _) = script(vec![page, AWAY]).await;
    let told = run(&url, &["job", "list", "--all", "--json"]).await;
    assert_eq!(told.failed().0, Code::Unavailable);
    assert_eq!(
        told.json(),
        serde_json::json!({ "items": [{ "id": 1 }], "next": "c2" })
    );
}

/// A job that `id` names, in a state.
fn job(state: &str, ended_at: &str) -> String {
    format!(
        r#"{{"id": "0197f2c4-6f2e-7b1c-8d7a-3f5f0a6f2b11", "kind": "mail", "queue": "mail",
            "priority": 5, "state": "{state}", "attempt": 1, "max_attempts": 25, "crashes": 0,
            "tags": [], "accepted_at": "2026-11-21T07:00:00Z", "due_at": null,
            "claimed_at": "2026-11-21T07:00:00Z", "ended_at": {ended_at}, "error": null,
            "replay_of": null, "replayed_as": null, "args": {{}},
            "content_type": "application/json", "unique": null, "timeout": null, "backoff": null,
            "progress": null, "result": null, "errors": [], "worker": 1, "cancel_requested": null,
            "trace_id": null, "of another version": true}}"#
    )
}

#[tokio::test]
async fn watching_outlasts_an_api_that_is_started_again() {
    let json = "application/json";
    let running = String::leak(job("running", "null"));
    let completed = String::leak(job("completed", "\"2026-11-21T07:00:09Z\""));
    let answers = vec![
        (StatusCode::OK, json, &*running),
        AWAY,
        AWAY,
        AWAY,
        AWAY,
        (StatusCode::OK, json, &*completed),
    ];
    let (url, _) = script(answers).await;
    let line = ["job", "watch", "0197f2c4-6f2e-7b1c-8d7a-3f5f0a6f2b11"];
    let told = run(&url, &line).await.fine();
    assert_eq!(told.out.lines().count(), 2, "{}", told.out);
    assert!(
        told.err.starts_with("the store cannot be reached"),
        "{}",
        told.err
    );
    assert!(
        told.err.ends_with("trying again for a minute\n"),
        "{}",
        told.err
    );
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = async |_: Request<Body>| -> Response {
        (StatusCode::FOUND, [(header::LOCATION, "/elsewhere")]).into_response()
    };
    let url = harness::serve(Router::new().fallback(elsewhere)).await;
    let (code, message) = run(&url, &["queue", "list"]).await.failed();
    assert_eq!(code, Code::Failed);
    assert!(
        message.contains("is not the API of Windlass: 302"),
        "{message}"
    );
}
