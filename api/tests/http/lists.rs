//! Lists of jobs: filters and pages.

use insta::assert_json_snapshot;
use serde_json::{Value, json};
use std::time::Duration;

use crate::harness::Service;

async fn ids(service: &Service, query: &str) -> Vec<String> {
    let answer = service.get(&format!("/v1/jobs{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let items = answer.json()["items"].as_array().unwrap().clone();
    items
        .iter()
        .map(|job| job["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_list_shows_what_happened_newest_first() {
    let service = Service::new();
    service.submit(json!({ "kind": "first" })).await;
    service
        .hands()
        .await
        .complete(json!("secret results stay out of lists"))
        .await;
    service.submit(json!({ "kind": "second" })).await;
    service.hands().await.fail("not yet").await;
    assert_json_snapshot!(service.get("/v1/jobs").await.shown());
}

#[tokio::test]
async fn every_filter_narrows_the_list() {
    let service = Service::new();
    let done = service
        .submit(json!({ "kind": "mail", "tags": ["a"] }))
        .await;
    service.hands().await.complete(json!(null)).await;
    service.clock.advance(Duration::from_mins(1));
    let late = service
        .submit(json!({ "kind": "sms", "delay": "1h", "queue": "bulk" }))
        .await;
    service.clock.advance(Duration::from_mins(1));
    let open = service
        .submit(json!({ "kind": "mail", "queue": "bulk" }))
        .await;
    let all = vec![open.clone(), late.clone(), done.clone()];
    for (query, expected) in [
        ("", all.clone()),
        ("?state=completed", vec![done.clone()]),
        ("?state=waiting", vec![open.clone()]),
        ("?state=delayed,enqueued", vec![open.clone(), late.clone()]),
        (
            "?state=scheduled&state=completed",
            vec![late.clone(), done.clone()],
        ),
        ("?kind=mail", vec![open.clone(), done.clone()]),
        ("?kind=mail&queue=bulk", vec![open.clone()]),
        ("?queue=bulk,default", all),
        ("?tag=a", vec![done.clone()]),
        (
            "?accepted_from=2026-11-21T07:01:00Z",
            vec![open.clone(), late.clone()],
        ),
        (
            "?accepted_before=2026-11-21T08:01:00%2B01:00",
            vec![done.clone()],
        ),
        ("?state=running", vec![]),
    ] {
        assert_eq!(ids(&service, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn pages_follow_one_another_whatever_is_submitted_meanwhile() {
    let service = Service::new();
    let jobs: Vec<Value> = (0..25)
        .map(|n| json!({ "kind": format!("k{n}") }))
        .collect();
    service.post("/v1/jobs", json!(jobs).to_string()).await;
    let mut seen = Vec::new();
    let mut query = String::from("?limit=10");
    loop {
        let page = service.get(&format!("/v1/jobs{query}")).await.json();
        let kinds = page["items"].as_array().unwrap().iter();
        seen.extend(kinds.map(|job| job["kind"].as_str().unwrap().to_owned()));
        service.submit(json!({ "kind": "newcomer" })).await;
        let Some(next) = page["next"].as_str() else {
            break;
        };
        query = format!("?limit=10&cursor={next}");
    }
    let expected: Vec<String> = (0..25).rev().map(|n| format!("k{n}")).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_cursor_belongs_to_its_filter() {
    let service = Service::new();
    let jobs = vec![json!({ "kind": "noop" }); 3];
    service.post("/v1/jobs", json!(jobs).to_string()).await;
    let page = service.get("/v1/jobs?limit=1").await.json();
    let cursor = page["next"].as_str().unwrap();
    let other = service
        .get(&format!("/v1/jobs?kind=noop&limit=1&cursor={cursor}"))
        .await;
    assert_json_snapshot!(other.shown());

    let mut tampered = cursor.to_owned();
    let last = if tampered.pop() == Some('A') {
        'B'
    } else {
        'A'
    };
    tampered.push(last);
    let answer = service
        .get(&format!("/v1/jobs?limit=1&cursor={tampered}"))
        .await;
    assert_eq!(
        (answer.status, answer.problem()),
        (422, "validation-error".to_owned())
    );
}
