//! Lists of jobs: filters and pages.

use insta::assert_json_snapshot;
use serde_json::{Value, json};
use std::time::Duration;

use crate::{bad_input::faults, harness::Service};

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

    let elsewhere = format!("/v1/dead-letters?limit=1&cursor={cursor}");
    assert_eq!(service.get(&elsewhere).await.problem(), "validation-error");
}

#[tokio::test]
async fn a_cursor_that_was_tampered_with_is_refused_wherever_it_was() {
    let service = Service::new();
    let jobs = vec![json!({ "kind": "noop" }); 3];
    service.post("/v1/jobs", json!(jobs).to_string()).await;
    let page = service.get("/v1/jobs?limit=1").await.json();
    let cursor = page["next"].as_str().unwrap();
    let mut tampered = vec![
        String::new(),
        "%00".to_owned(),
        "x".repeat(20_000),
        format!("{cursor}A"),
        format!("{cursor}%3D"),
        cursor.chars().skip(1).collect(),
        cursor.chars().take(cursor.len() - 1).collect(),
        cursor.chars().take(cursor.len() / 2).collect(),
    ];
    for (place, letter) in cursor.char_indices() {
        let other = if letter == 'A' { "B" } else { "A" };
        let mut changed = cursor.to_owned();
        changed.replace_range(place..=place, other);
        tampered.push(changed);
    }
    for cursor in tampered {
        let answer = service
            .get(&format!("/v1/jobs?limit=1&cursor={cursor}"))
            .await;
        assert_eq!(
            faults(&answer),
            [(
                "cursor".to_owned(),
                "is damaged; start again without a cursor".to_owned()
            )],
            "{cursor}"
        );
    }
}
