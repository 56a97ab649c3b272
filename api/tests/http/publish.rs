//! Publishing: what goes into a buffer, what does not, and what became of it.

use http::Request;
use insta::assert_json_snapshot;
use serde_json::{Value, json};
use shared::{
    config::destinations::{Buffer, Takes},
    job::{JobId, State},
    store::{BufferStore, Entry, EntryId, Fate, JobStore, Note},
};
use std::time::Duration;
use windlass_api::{Destination, Live};

use crate::harness::{Answer, Service, live, request};

pub(crate) const DATABOX: &str = "/v1/destinations/databox/publish";
pub(crate) const PARTNER: &str = "/v1/destinations/partner/publish";

/// A service with `databox`, which takes points, and `partner`, which takes events. Buffers hold
/// five entries.
pub(crate) fn service() -> Service {
    let destination = |takes| Destination {
        takes,
        buffer: Buffer {
            capacity: 5,
            flush_every: 5,
            ..Buffer::default()
        },
    };
    let databox = ("databox".parse().unwrap(), destination(Takes::Points));
    let partner = ("partner".parse().unwrap(), destination(Takes::Events));
    Service::going_by(Live {
        destinations: [databox, partner].into(),
        ..live()
    })
}

fn points(values: std::ops::Range<u32>) -> Value {
    let points = values.map(|value| json!({ "key": "orders", "value": value }));
    points.collect()
}

async fn publish(service: &Service, path: &str, body: Value) -> Answer {
    service.post(path, body.to_string()).await
}

pub(crate) async fn waiting(service: &Service, destination: &str) -> Vec<Entry> {
    let destination = destination.parse().unwrap();
    service.store.peek(destination, 1000).await.unwrap()
}

fn bodies(entries: &[Entry]) -> Vec<Value> {
    let bodies = entries.iter();
    bodies
        .map(|entry| serde_json::from_slice(&entry.body).unwrap())
        .collect()
}

/// Says what became of everything that waits.
async fn resolve(service: &Service, destination: &str, fate: &Fate) {
    let entries = waiting(service, destination).await.into_iter();
    let fates: Vec<(EntryId, Fate)> = entries.map(|entry| (entry.id, fate.clone())).collect();
    let destination = destination.parse().unwrap();
    service.store.resolve(destination, fates).await.unwrap();
}

#[tokio::test]
async fn points_wait_in_the_buffer_and_their_flush_is_seen_to() {
    let service = service();
    let body = json!({ "points": [
        { "key": "orders", "value": 7.0, "date": "2026Q3", "unit": "pieces", "attributes": { "shop": "SI" } },
        { "key": "orders", "value": 8, "unit": null },
    ] });
    let answer = publish(&service, DATABOX, body).await;
    assert_json_snapshot!("published", answer.shown());
    assert_json_snapshot!("points", bodies(&waiting(&service, "databox").await));

    let flush: JobId = answer.json()["flush"].as_str().unwrap().parse().unwrap();
    let flush = service
        .store
        .get(vec![flush])
        .await
        .unwrap()
        .pop()
        .flatten();
    let flush = flush.unwrap().summary;
    assert_eq!(
        (flush.kind.as_str(), flush.queue.as_str()),
        ("publish", "publish")
    );
    assert_eq!(flush.state, State::Scheduled);
    // Five are enough: the flush that waits for company waits no longer.
    let more = publish(&service, DATABOX, json!({ "points": points(0..3) })).await;
    assert_eq!(more.json()["flush"], answer.json()["flush"]);
    let flush = service
        .store
        .get(vec![flush.id])
        .await
        .unwrap()
        .pop()
        .flatten();
    assert_eq!(flush.unwrap().summary.state, State::Available);
    assert_eq!(service.jobs().await, 1, "a flush is the only job");
}

#[tokio::test]
async fn events_and_points_go_to_a_subscriber_as_events() {
    let service = service();
    let body = json!({
        "events": [{ "type": "order.paid", "data": { "id": 42 } }, { "type": "shop_closed" }],
        "points": points(0..3),
    });
    let answer = publish(&service, PARTNER, body).await;
    assert_eq!((answer.status, &answer.json()["entries"]), (202, &json!(3)));
    assert_json_snapshot!("events", bodies(&waiting(&service, "partner").await));
}

#[tokio::test]
async fn a_buffer_that_is_full_says_so_and_takes_none() {
    let service = service();
    publish(&service, DATABOX, json!({ "points": points(0..4) })).await;
    let refused = publish(&service, DATABOX, json!({ "points": points(4..6) })).await;
    assert_json_snapshot!("full", refused.shown());
    assert_eq!(waiting(&service, "databox").await.len(), 4);
    let fits = publish(&service, DATABOX, json!({ "points": points(4..5) })).await;
    assert_eq!((fits.status, &fits.json()["waiting"]), (202, &json!(5)));

    resolve(&service, "databox", &Fate::Delivered).await;
    let room = publish(&service, DATABOX, json!({ "points": points(4..6) })).await;
    assert_eq!((room.status, &room.json()["waiting"]), (202, &json!(2)));
    // No wait makes room for more than the buffer ever holds.
    let never = publish(&service, DATABOX, json!({ "points": points(0..6) })).await;
    assert_json_snapshot!("never", never.shown());
}

#[tokio::test]
async fn requests_at_once_never_fill_a_buffer_beyond_its_capacity() {
    let service = service();
    let requests = (0..20).map(|_| publish(&service, DATABOX, json!({ "points": points(0..1) })));
    let answers = futures_util::future::join_all(requests).await;
    let count = |status| {
        answers
            .iter()
            .filter(|answer| answer.status == status)
            .count()
    };
    assert_eq!((count(202), count(429)), (5, 15));
    assert_eq!(waiting(&service, "databox").await.len(), 5);
}

#[tokio::test]
async fn what_is_published_again_under_an_id_is_there_once() {
    let service = service();
    let body = json!({ "id": JobId::generate(), "points": points(0..4) });
    let first = publish(&service, DATABOX, body.clone()).await;
    service.clock.advance(Duration::from_secs(5));
    let again = publish(&service, DATABOX, body.clone()).await;
    assert_eq!((again.status, again.json()), (202, first.json()));
    assert_eq!(waiting(&service, "databox").await.len(), 4);

    resolve(&service, "databox", &Fate::Delivered).await;
    let late = publish(&service, DATABOX, body.clone()).await;
    assert_eq!(
        (&late.json()["waiting"], &late.json()["flush"]),
        (&json!(0), &Value::Null)
    );
    // Another destination has not heard of it.
    let other = publish(&service, PARTNER, body).await;
    assert_eq!((other.status, &other.json()["waiting"]), (202, &json!(1)));
}

#[tokio::test]
async fn receipts_tell_what_became_of_it() {
    let service = service();
    let answer = publish(&service, DATABOX, json!({ "points": points(0..3) })).await;
    let path = answer.header("location").to_owned();
    assert_json_snapshot!("receipts", service.get(&path).await.shown());
    resolve(
        &service,
        "databox",
        &Fate::Refused("no such metric".to_owned()),
    )
    .await;
    assert_json_snapshot!("refused", service.get(&path).await.shown());

    let id = answer.json()["id"].as_str().unwrap().to_owned();
    for unknown in [
        format!("/v1/destinations/partner/receipts/{id}"),
        format!("/v1/destinations/databox/receipts/{}", JobId::generate()),
        "/v1/destinations/databox/receipts/7".to_owned(),
        format!("/v1/destinations/no%20body/receipts/{id}"),
    ] {
        let answer = service.get(&unknown).await;
        assert_eq!(
            (answer.status, answer.problem()),
            (404, "receipts-not-found".to_owned())
        );
    }
}

#[tokio::test]
async fn only_a_configured_destination_is_published_to() {
    let service = service();
    let used = Note::Succeeded;
    service
        .store
        .note("old".parse().unwrap(), used)
        .await
        .unwrap();
    for name in ["old", "nobody", "no%20body"] {
        let path = format!("/v1/destinations/{name}/publish");
        let answer = publish(&service, &path, json!({ "points": points(0..1) })).await;
        assert_eq!(
            (answer.status, answer.problem()),
            (404, "destination-not-found".to_owned())
        );
    }
    assert!(waiting(&service, "nobody").await.is_empty());
    assert_json_snapshot!(
        "destinations",
        service.get("/v1/destinations").await.shown()
    );
    let enabled = service.poke("/v1/destinations/partner/enable").await;
    assert_eq!(
        (enabled.status, &enabled.json()["takes"]),
        (200, &json!("events"))
    );
}

#[tokio::test]
async fn a_disabled_destination_keeps_what_is_published_for_later() {
    let service = service();
    let disable = Note::Disable("gone".to_owned());
    service
        .store
        .note("partner".parse().unwrap(), disable)
        .await
        .unwrap();
    let body = json!({ "events": [{ "type": "a" }] });
    assert_eq!(publish(&service, PARTNER, body).await.status, 202);
    assert_eq!(waiting(&service, "partner").await.len(), 1);
}

#[tokio::test]
async fn the_trace_of_the_request_goes_with_the_flush() {
    let service = service();
    let request: Request<_> = request("POST", DATABOX)
        .header("content-type", "application/json")
        .header(
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        )
        .body(json!({ "points": points(0..1) }).to_string().into())
        .unwrap();
    let flush = service.send(request).await.json()["flush"].clone();
    let flush = service
        .get(&format!("/v1/jobs/{}", flush.as_str().unwrap()))
        .await;
    assert_eq!(flush.json()["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
}
