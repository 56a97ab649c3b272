//! Databox as it answers, and what becomes of points and of the flush.

use super::*;
use crate::handlers::{
    fake_server::{Seen, Server, text},
    world::{World, databox, error, label, result, to},
};
use serde_json::{Value, json};
use shared::{job::State, store::Receipt};

fn points(count: usize) -> Value {
    let points = (0..count).map(|n| json!({"key": format!("m{n}"), "value": n, "date": "2024"}));
    json!({"destination": "databox", "points": points.collect::<Vec<_>>()})
}

/// The keys of the points that a call carried.
fn keys(seen: &Seen) -> Vec<String> {
    let body: Vec<Value> = serde_json::from_slice(&seen.body).unwrap();
    let key = |item: &Value| item["key"].as_str().unwrap().to_owned();
    body.iter().map(key).collect()
}

/// Publishes so many points to a Databox that answers with this; answers the world, the flush
/// and what became of the points.
async fn published(server: &Server, count: usize) -> (World, shared::job::JobDetail, Vec<Receipt>) {
    let world = World::new(to("databox", databox(&server.url, Wire::B)));
    let job = world.run("publish", points(count)).await;
    assert_eq!(result(&job), json!({"added": count, "waiting": count}));
    let flush = world.flush("databox").await;
    let receipts = world.store.receipts(job.summary.id).await.unwrap();
    (world, flush, receipts)
}

fn delivered(receipts: &[Receipt]) -> usize {
    let delivered = |receipt: &&Receipt| receipt.fate == Some(Fate::Delivered);
    receipts.iter().filter(delivered).count()
}

fn waiting(receipts: &[Receipt]) -> usize {
    receipts
        .iter()
        .filter(|receipt| receipt.fate.is_none())
        .count()
}

#[tokio::test]
async fn points_are_pushed_in_one_call_with_the_token() {
    let server = Server::saying(200, r#"{"status":"ok"}"#).await;
    let (world, flush, receipts) = published(&server, 3).await;
    assert_eq!(flush.summary.state, State::Completed);
    assert_eq!(result(&flush), json!({"delivered": 3, "refused": 0}));
    assert_eq!(delivered(&receipts), 3);
    let seen = server.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(
        (seen[0].method.as_str(), seen[0].path.as_str()),
        ("POST", "/data")
    );
    assert_eq!(seen[0].headers["authorization"], "Basic dDBrZW46");
    assert_eq!(seen[0].headers["accept"], "application/vnd.databox.v2+json");
    assert_eq!(keys(&seen[0]), ["m0", "m1", "m2"]);
    assert!(world.destination("databox").await.succeeded_at.is_some());
    world.end().await;
}

#[tokio::test]
async fn format_a_goes_to_the_root() {
    let server = Server::saying(200, r#"{"id":"2d1b8c"}"#).await;
    let world = World::new(to("databox", databox(&server.url, Wire::A)));
    world.run("publish", points(1)).await;
    assert_eq!(world.flush("databox").await.summary.state, State::Completed);
    let seen = server.seen();
    let body: Value = serde_json::from_slice(&seen[0].body).unwrap();
    assert_eq!(seen[0].path, "/");
    assert_eq!(
        body,
        json!({"data": [{"$m0": 0, "date": "2024-01-01T00:00:00Z"}]})
    );
    world.end().await;
}

#[tokio::test]
async fn a_point_at_fault_is_found_and_the_rest_is_delivered() {
    let server = Server::start(|_, seen| async move {
        let bad = keys(&seen).contains(&"m5".to_owned());
        let fault =
            r#"{"status":"Bad Request","message":"Validation error - Invalid metric value"}"#;
        text(200, if bad { fault } else { r#"{"status":"ok"}"# })
    })
    .await;
    let (world, flush, receipts) = published(&server, 8).await;
    assert_eq!(result(&flush), json!({"delivered": 7, "refused": 1}));
    let Some(Fate::Refused(why)) = &receipts[5].fate else {
        panic!("{:?}", receipts[5])
    };
    assert_eq!(why, "Databox says: Validation error - Invalid metric value");
    assert_eq!(server.seen().len(), 7, "8, 4, 4, 2, 1, 1, 2");
    world.end().await;
}

#[tokio::test]
async fn a_batch_that_is_too_large_is_halved() {
    let server = Server::start(|_, seen| async move {
        let large = r#"{"status":"REQUEST_ENTITY_TOO_LARGE","message":"500kB","id":null}"#;
        text(
            200,
            if keys(&seen).len() > 2 {
                large
            } else {
                r#"{"status":"ok"}"#
            },
        )
    })
    .await;
    let (world, _, receipts) = published(&server, 5).await;
    assert_eq!(delivered(&receipts), 5);
    world.end().await;
}

#[tokio::test]
async fn a_token_that_is_not_good_disables_the_destination_and_keeps_its_points() {
    let server = Server::saying(
        200,
        r#"{"status":"Unauthorized","message":"Invalid token"}"#,
    )
    .await;
    let (world, flush, receipts) = published(&server, 2).await;
    assert_eq!(
        result(&flush),
        json!({"disabled": "Databox says: Invalid token"})
    );
    assert_eq!(waiting(&receipts), 2);
    let record = world.destination("databox").await;
    assert_eq!(record.disabled.unwrap().1, "Databox says: Invalid token");
    world.flush("databox").await;
    assert_eq!(server.seen().len(), 1, "nothing is sent any more");
    world.end().await;
}

#[tokio::test]
async fn too_many_calls_put_the_flush_off_without_counting() {
    let server = Server::saying(
        200,
        r#"{"status":"Bad Request","message":"Bad request - Exceeded request count limit!"}"#,
    )
    .await;
    let (world, flush, receipts) = published(&server, 2).await;
    assert_eq!(
        (flush.summary.state, flush.summary.attempt),
        (State::Scheduled, 0)
    );
    assert!(
        error(&flush).contains("Exceeded request count"),
        "{}",
        error(&flush)
    );
    assert_eq!(waiting(&receipts), 2);
    world.end().await;
}

#[tokio::test]
async fn points_that_were_taken_in_part_are_not_sent_again() {
    let server = Server::saying(
        200,
        r#"{"status":"Warning: some items not inserted (OK: 2, FAILED: 1)"}"#,
    )
    .await;
    let (world, flush, receipts) = published(&server, 3).await;
    assert_eq!(result(&flush), json!({"delivered": 0, "refused": 3}));
    let Some(Fate::Refused(why)) = &receipts[0].fate else {
        panic!("{:?}", receipts[0])
    };
    assert!(
        why.starts_with("perhaps: of 3 points sent together 2 were taken"),
        "{why}"
    );
    assert_eq!(server.seen().len(), 1);
    world.end().await;
}

#[tokio::test]
async fn answers_that_are_none_of_databox_are_tried_again_and_keep_the_points() {
    for (status, body, told) in [
        (200, "<html><title>Log in</title>", "Log in"),
        (
            200,
            r#"{"status":"Internal Server Error","message":"An unhandled exception"}"#,
            "unhandled",
        ),
        (500, "", "500"),
        (302, "", "302"),
        (
            200,
            r#"{"status":"Bad Request","message":"Validation error - Metric data should be wrapped into 'data' item"}"#,
            "wire",
        ),
    ] {
        let server = Server::saying(status, body).await;
        let (world, flush, receipts) = published(&server, 2).await;
        assert_eq!(flush.summary.state, State::Retryable, "{body}");
        assert!(error(&flush).contains(told), "{body}: {}", error(&flush));
        assert_eq!(waiting(&receipts), 2, "{body}");
        assert!(world.destination("databox").await.failed.is_some());
        world.end().await;
    }
}

#[tokio::test]
async fn an_entry_of_another_form_is_refused_alone() {
    let server = Server::saying(200, r#"{"status":"ok"}"#).await;
    let world = World::new(to("databox", databox(&server.url, Wire::B)));
    let id = EntryId::derive(shared::job::JobId::generate(), "x");
    let entry = shared::store::NewEntry {
        id,
        origin: None,
        body: r#"{"type":"a","timestamp":"2024-01-01T00:00:00Z","data":1}"#.into(),
    };
    let params = shared::store::AppendParams {
        destination: label("databox"),
        capacity: 10,
        entries: vec![entry],
    };
    world.store.append(params).await.unwrap();
    world.run("publish", points(1)).await;
    let flush = world.flush("databox").await;
    assert_eq!(result(&flush), json!({"delivered": 1, "refused": 1}));
    world.end().await;
}
