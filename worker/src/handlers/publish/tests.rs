//! Adding to buffers, and what makes them flush.

use super::*;
use crate::handlers::{
    fake_server::{Server, text},
    publish::keeper,
    world::{World, databox, error, label, result, to, webhook},
};
use serde_json::Value;
use shared::{
    buffer::key,
    config::{Config, destinations::Wire},
    job::{JobDetail, JobId, NewJob, State, Unique},
    store::{CancelParams, Enqueued, Fate},
};

fn config(server: &Server, change: impl Fn(&mut shared::config::destinations::Buffer)) -> Config {
    let mut config = to("databox", databox(&server.url, Wire::B));
    for destination in config.destinations.values_mut() {
        if let Destination::Databox(databox) = destination {
            change(&mut databox.buffer);
        }
    }
    config
}

fn points(numbers: std::ops::Range<u32>) -> Value {
    let points = numbers.map(|n| json!({"key": "m", "value": n, "date": format!("{}", 2000 + n)}));
    json!({"destination": "databox", "points": points.collect::<Vec<_>>()})
}

async fn cancel(world: &World, id: JobId) {
    let (ids, reason) = (vec![id], "a test".to_owned());
    let params = CancelParams { ids, reason };
    world.store.cancel(params).await.unwrap();
}

/// The flush of a destination that waits or runs.
async fn holder(world: &World) -> Option<JobDetail> {
    holder_of(world, "databox").await
}

async fn holder_of(world: &World, name: &str) -> Option<JobDetail> {
    let mut job = NewJob::new("publish", &json!({ "destination": name })).unwrap();
    job.queue = shared::job::QueueName::new(QUEUE).unwrap();
    job.unique = Some(Unique::new(key(&label(name)), UniquePolicy::UntilFinished).unwrap());
    job.due = shared::job::new::Due::In(Duration::from_hours(99));
    let id = job.id;
    if let Enqueued::Duplicate { holder } = world.store.enqueue(vec![job]).await.unwrap()[0] {
        return Some(world.get(holder).await);
    }
    cancel(world, id).await;
    None
}

#[tokio::test]
async fn a_flush_waits_for_company_until_the_oldest_entry_is_due() {
    let server = Server::saying(200, r#"{"status":"ok"}"#).await;
    let world = World::new(config(&server, |_| {}));
    world.run("publish", points(0..2)).await;
    world.advance(Duration::from_secs(9)).await;
    world.run("publish", points(2..3)).await;
    let flush = holder(&world).await.unwrap();
    assert_eq!(flush.summary.state, State::Scheduled);
    assert!(server.seen().is_empty());
    world.advance(Duration::from_secs(1)).await;
    let flush = world.at_rest(flush.summary.id).await;
    assert_eq!(result(&flush), json!({"delivered": 3, "refused": 0}));
    assert_eq!(server.seen().len(), 1, "in one call");
    world.end().await;
}

#[tokio::test]
async fn enough_entries_are_flushed_at_once() {
    let server = Server::saying(200, r#"{"status":"ok"}"#).await;
    let world = World::new(config(&server, |buffer| {
        buffer.flush_every = 5;
        buffer.batch_size = 3;
    }));
    world.run("publish", points(0..4)).await;
    let flush = holder(&world).await.unwrap().summary.id;
    assert!(server.seen().is_empty());
    world.run("publish", points(4..6)).await;
    let flush = world.at_rest(flush).await;
    assert_eq!(result(&flush), json!({"delivered": 6, "refused": 0}));
    assert_eq!(server.seen().len(), 2, "three in each call");
    world.end().await;
}

#[tokio::test]
async fn a_job_that_is_run_again_adds_nothing_twice() {
    let server = Server::saying(200, r#"{"status":"ok"}"#).await;
    let world = World::new(config(&server, |_| {}));
    let job = world.run("publish", points(0..3)).await;
    let args: Args = serde_json::from_value(points(0..3)).unwrap();
    let at = job.summary.accepted_at;
    let params = shared::store::AppendParams {
        destination: label("databox"),
        capacity: 100,
        entries: entry::of_points(Takes::Points, &args.points, job.summary.id, at, &[]),
    };
    assert_eq!(
        world.store.append(params).await.unwrap(),
        3,
        "none was added"
    );
    world.end().await;
}

#[tokio::test]
async fn a_buffer_that_is_full_keeps_what_it_has_and_the_job_comes_back() {
    let server = Server::saying(200, r#"{"status":"ok"}"#).await;
    let world = World::new(config(&server, |buffer| {
        buffer.capacity = 5;
        buffer.flush_every = 5;
    }));
    world.run("publish", points(0..4)).await;
    let second = world.run("publish", points(4..7)).await;
    assert_eq!(second.summary.state, State::Retryable);
    assert!(
        error(&second).contains("4 of 5 entries wait"),
        "{}",
        error(&second)
    );
    let flush = holder(&world).await.unwrap().summary.id;
    world.advance(Duration::from_secs(10)).await;
    world.at_rest(flush).await;
    let second = world
        .to_the_end(second.summary.id, Duration::from_secs(10))
        .await;
    assert_eq!(result(&second)["added"], 3);
    let never = world.run("publish", points(0..6)).await;
    assert_eq!(never.summary.state, State::Discarded);
    assert!(error(&never).contains("never fit"), "{}", error(&never));
    world.end().await;
}

#[tokio::test]
async fn a_flush_that_was_lost_is_found_by_the_keeper() {
    let server = Server::saying(200, r#"{"status":"ok"}"#).await;
    let world = World::new(config(&server, |_| {}));
    let job = world.run("publish", points(0..3)).await;
    cancel(&world, holder(&world).await.unwrap().summary.id).await;
    assert!(holder(&world).await.is_none());
    world.keep().await;
    world.keep().await;
    let flush = holder(&world).await.unwrap().summary.id;
    world.advance(Duration::from_secs(10)).await;
    world.at_rest(flush).await;
    let receipts = world.store.receipts(job.summary.id).await.unwrap();
    assert!(
        receipts
            .iter()
            .all(|receipt| receipt.fate == Some(Fate::Delivered))
    );
    world.keep().await;
    assert!(
        holder(&world).await.is_none(),
        "an empty buffer wants no flush"
    );
    world.end().await;
}

#[tokio::test]
async fn a_flush_that_is_given_up_keeps_its_entries_for_the_next() {
    let server =
        Server::start(|number, _| async move { text(if number < 100 { 502 } else { 204 }, "") })
            .await;
    let mut config = to("partner", webhook(&server.url));
    for destination in config.destinations.values_mut() {
        if let Destination::Webhook(webhook) = destination {
            webhook.breaker.failures = 1000;
        }
    }
    let world = World::new(config);
    let mut args = points(0..3);
    args["destination"] = json!("partner");
    let job = world.run("publish", args).await;
    let flush = holder_of(&world, "partner").await.unwrap().summary.id;
    let dead = world.to_the_end(flush, Duration::from_mins(5)).await;
    assert_eq!(
        (dead.summary.state, dead.summary.attempt),
        (State::Discarded, 100)
    );
    assert_eq!(world.destination("partner").await.waiting, 1);
    world.keep().await;
    let next = holder_of(&world, "partner").await.unwrap().summary;
    assert!(next.due_at.unwrap() > world.clock.now(), "not at once");
    world.to_the_end(next.id, Duration::from_mins(5)).await;
    let receipts = world.store.receipts(job.summary.id).await.unwrap();
    assert!(
        receipts
            .iter()
            .all(|receipt| receipt.fate == Some(Fate::Delivered))
    );
    world.end().await;
}

#[tokio::test]
async fn orders_to_flush_do_not_make_two_of_it() {
    let server = Server::saying(200, r#"{"status":"ok"}"#).await;
    let world = World::new(config(&server, |_| {}));
    world.run("publish", points(0..3)).await;
    let flush = holder(&world).await.unwrap().summary.id;
    let order = world
        .run("publish", json!({"destination": "databox"}))
        .await;
    assert_eq!(result(&order), json!({"flush": flush}));
    assert_eq!(world.at_rest(flush).await.summary.state, State::Completed);
    assert_eq!(server.seen().len(), 1);
    world.end().await;
}

#[tokio::test]
async fn points_for_a_subscriber_become_events_and_events_for_numbers_are_refused() {
    let server = Server::saying(204, "").await;
    let world = World::new(to("partner", webhook(&server.url)));
    let mut args = points(0..150);
    args["destination"] = json!("partner");
    let job = world.run("publish", args).await;
    assert_eq!(result(&job), json!({"added": 2, "waiting": 2}));
    world.flush("partner").await;
    let seen = server.seen();
    let event: Value = serde_json::from_slice(&seen[1].body).unwrap();
    assert_eq!(event["type"], entry::POINTS);
    assert_eq!(event["data"]["points"].as_array().unwrap().len(), 50);
    assert_eq!(event["timestamp"], job.summary.accepted_at.to_string());
    world.end().await;

    let world = World::new(config(&server, |_| {}));
    let events = json!({"destination": "databox", "events": [{"type": "a.b"}]});
    let job = world.run("publish", events).await;
    assert_eq!(job.summary.state, State::Discarded);
    let events = json!({"destination": "databox", "events": [{"type": "a b"}]});
    let job = world.run("publish", events).await;
    assert!(error(&job).contains("events[0].type"), "{}", error(&job));
    world.end().await;
}

#[tokio::test]
async fn a_destination_that_is_not_configured_is_tried_again_later() {
    let server = Server::saying(200, "").await;
    let world = World::new(config(&server, |_| {}));
    let job = world
        .run("publish", json!({"destination": "data-box"}))
        .await;
    assert_eq!(job.summary.state, State::Retryable);
    assert!(
        error(&job).contains("did you mean \"databox\"?"),
        "{}",
        error(&job)
    );
    world.end().await;
}

#[tokio::test]
async fn the_keeper_ends_with_the_shutdown() {
    let server = Server::saying(200, "").await;
    let world = World::new(config(&server, |_| {}));
    let shutdown = shared::shutdown::Shutdown::new();
    shutdown.drain();
    keeper::run(
        world.handlers(),
        std::sync::Arc::clone(&world.store),
        shutdown,
    )
    .await;
    world.end().await;
}
