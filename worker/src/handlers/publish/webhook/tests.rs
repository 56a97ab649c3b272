//! Subscribers as they are, and what becomes of events and of the flush.

use super::*;
use crate::handlers::{
    fake_server::{Server, text},
    world::{KEY, World, error, result, to, webhook},
};
use serde_json::{Value, json};
use shared::{
    config::{Config, Destination},
    job::{JobId, State},
    secret::{Secret, SigningKey},
    store::Receipt,
};

fn config(server: &Server) -> Config {
    to("partner", webhook(&server.url))
}

/// Adds so many events; answers the job that did.
async fn add(world: &World, count: usize) -> JobId {
    let events: Vec<Value> = (0..count)
        .map(|n| json!({"type": "order.paid", "data": {"number": n}}))
        .collect();
    let args = json!({"destination": "partner", "events": events});
    world.run("publish", args).await.summary.id
}

async fn fates(world: &World, job: JobId) -> Vec<Option<Fate>> {
    let receipts = world.store.receipts(job).await.unwrap();
    receipts
        .into_iter()
        .map(|receipt: Receipt| receipt.fate)
        .collect()
}

#[tokio::test]
async fn an_event_is_signed_and_its_id_and_body_stay_the_same() {
    let server =
        Server::start(|number, _| async move { text([500, 204][number.min(1)], "") }).await;
    let world = World::new(config(&server));
    let job = add(&world, 1).await;
    let flush = world.flush("partner").await;
    assert_eq!(flush.summary.state, State::Retryable);
    world.advance(Duration::from_mins(1)).await;
    let flush = world.at_rest(flush.summary.id).await;
    assert_eq!(flush.summary.state, State::Completed);
    assert_eq!(fates(&world, job).await, [Some(Fate::Delivered)]);
    let seen = server.seen();
    let key = SigningKey::parse(&Secret::new(KEY)).unwrap();
    for call in &seen {
        let header = |name: &str| call.headers[name].to_str().unwrap().to_owned();
        let (id, at) = (header("webhook-id"), header("webhook-timestamp"));
        let signed = signature::sign([&key], &id, at.parse().unwrap(), &call.body);
        assert_eq!(header("webhook-signature"), signed);
        assert_eq!(header("content-type"), "application/json");
    }
    assert_eq!(seen[0].headers["webhook-id"], seen[1].headers["webhook-id"]);
    let at = |n: usize| -> i64 {
        seen[n].headers["webhook-timestamp"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap()
    };
    assert!(at(1) >= at(0) + 60);
    assert_eq!(seen[0].body, seen[1].body);
    let event: Value = serde_json::from_slice(&seen[0].body).unwrap();
    assert_eq!(
        (&event["type"], &event["data"]["number"]),
        (&json!("order.paid"), &json!(0))
    );
    world.end().await;
}

#[tokio::test]
async fn while_secrets_rotate_there_are_two_signatures() {
    let server = Server::saying(204, "").await;
    let mut config = config(&server);
    let old = SigningKey::parse(&Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
    for destination in config.destinations.values_mut() {
        if let Destination::Webhook(webhook) = destination {
            webhook.previous_secret = Some(old.clone());
        }
    }
    let world = World::new(config);
    add(&world, 1).await;
    world.flush("partner").await;
    let header = server.seen()[0].headers["webhook-signature"].clone();
    assert_eq!(header.to_str().unwrap().split(' ').count(), 2);
    world.end().await;
}

#[tokio::test]
async fn redirects_and_errors_leave_the_event_and_say_why() {
    for status in [301, 400, 404, 500] {
        let server = Server::saying(status, "try\nelsewhere").await;
        let world = World::new(config(&server));
        let job = add(&world, 1).await;
        let flush = world.flush("partner").await;
        assert_eq!(flush.summary.state, State::Retryable, "{status}");
        let told = error(&flush);
        assert!(
            told.contains(&status.to_string()) && told.ends_with("try elsewhere"),
            "{told}"
        );
        assert_eq!(fates(&world, job).await, [None]);
        assert_eq!(server.seen().len(), 1);
        world.end().await;
    }
}

#[tokio::test]
async fn a_subscriber_that_is_gone_is_disabled_and_nothing_is_lost() {
    let server = Server::saying(410, "").await;
    let world = World::new(config(&server));
    let job = add(&world, 2).await;
    let flush = world.flush("partner").await;
    assert_eq!(flush.summary.state, State::Completed);
    let (_, why) = world.destination("partner").await.disabled.unwrap();
    assert!(why.contains("410"), "{why}");
    world.keep().await;
    world.flush("partner").await;
    assert_eq!(server.seen().len(), 1);
    assert_eq!(fates(&world, job).await, [None, None]);
    world.end().await;
}

#[tokio::test]
async fn a_pause_that_is_asked_for_is_kept_within_bounds_and_not_counted() {
    for (asked, least, most) in [("120", 120, 132), ("9999999", 3600, 3960), ("0", 1, 2)] {
        let server = Server::start(move |_, _| async move {
            let mut answer = text(429, "");
            answer
                .headers_mut()
                .insert("retry-after", HeaderValue::from_static(asked));
            answer
        })
        .await;
        let world = World::new(config(&server));
        add(&world, 3).await;
        let flush = world.flush("partner").await.summary;
        assert_eq!((flush.state, flush.attempt), (State::Scheduled, 0));
        let wait = flush.due_at.unwrap().since(world.clock.now()).as_secs();
        assert!((least..=most).contains(&wait), "{asked}: {wait} s");
        assert_eq!(server.seen().len(), 1, "the others are not tried");
        world.end().await;
    }
}

#[tokio::test]
async fn a_subscriber_that_never_answers_or_never_ends_costs_no_more_than_its_deadline() {
    let silent = Server::raw(b"", b"").await;
    let mut config_of_silent = config(&silent);
    config_of_silent.outbound.timeout = Duration::from_millis(100);
    let world = World::new(config_of_silent);
    let job = add(&world, 2).await;
    let flush = world.flush("partner").await;
    assert_eq!(flush.summary.state, State::Retryable);
    assert!(error(&flush).contains("within 100ms"), "{}", error(&flush));
    assert_eq!(fates(&world, job).await, [None, None]);
    world.end().await;

    let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let endless = Server::raw(head, b"8\r\nabcdefgh\r\n").await;
    let world = World::new(config(&endless));
    let job = add(&world, 2).await;
    world.flush("partner").await;
    assert_eq!(
        fates(&world, job).await,
        [Some(Fate::Delivered), Some(Fate::Delivered)]
    );
    world.end().await;

    let head = b"HTTP/1.1 500 Oops\r\ntransfer-encoding: chunked\r\n\r\n";
    let endless = Server::raw(head, b"8\r\nabcdefgh\r\n").await;
    let world = World::new(config(&endless));
    add(&world, 1).await;
    let flush = world.flush("partner").await;
    assert!(error(&flush).contains("500"), "{}", error(&flush));
    world.end().await;
}

#[tokio::test]
async fn an_event_that_always_fails_does_not_hold_up_the_others_and_is_given_up_in_the_end() {
    let server = Server::start(|_, seen| async move {
        let body: Value = serde_json::from_slice(&seen.body).unwrap();
        text(
            if body["data"]["number"] == 1 {
                422
            } else {
                204
            },
            "odd",
        )
    })
    .await;
    let world = World::new(config(&server));
    let job = add(&world, 4).await;
    let flush = world.flush("partner").await.summary;
    let taken = Some(Fate::Delivered);
    let after = [taken.clone(), None, taken.clone(), taken.clone()];
    assert_eq!(fates(&world, job).await, after);
    assert_eq!(
        (flush.state, flush.attempt),
        (State::Scheduled, 0),
        "something got through"
    );
    world.advance(Duration::from_hours(1)).await;
    let flush = world.at_rest(flush.id).await.summary;
    assert_eq!(
        (flush.state, flush.attempt),
        (State::Retryable, 1),
        "nothing got through"
    );
    world.advance(GIVE_UP).await;
    let flush = world.to_the_end(flush.id, Duration::from_hours(1)).await;
    assert_eq!(result(&flush), json!({"delivered": 0, "refused": 1}));
    let Some(Fate::Refused(why)) = &fates(&world, job).await[1] else {
        panic!("not refused")
    };
    assert!(
        why.starts_with("given up after three days") && why.ends_with("odd"),
        "{why}"
    );
    assert_eq!(server.seen().len(), 3 + 6, "it was tried, not only old");
    world.end().await;
}

#[tokio::test]
async fn a_subscriber_may_refuse_an_event_for_good() {
    let server = Server::start(|number, _| async move {
        let mut answer = text([400, 204][number.min(1)], "");
        let abort = HeaderValue::from_static("abort-message");
        answer.headers_mut().insert("webhook-delivery", abort);
        answer
    })
    .await;
    let world = World::new(config(&server));
    let job = add(&world, 2).await;
    let flush = world.flush("partner").await;
    assert_eq!(result(&flush), json!({"delivered": 1, "refused": 1}));
    assert!(
        matches!(&fates(&world, job).await[0], Some(Fate::Refused(why)) if why.contains("400"))
    );
    world.end().await;
}

#[tokio::test]
async fn a_breaker_opens_keeps_the_events_and_lets_them_through_when_the_subscriber_is_back() {
    let server =
        Server::start(|number, _| async move { text(if number < 4 { 500 } else { 204 }, "") })
            .await;
    let world = World::new(config(&server));
    let job = add(&world, 10).await;
    let flush = world.flush("partner").await;
    assert_eq!(server.seen().len(), 3, "the third failure opens it");
    assert_eq!(
        (flush.summary.state, flush.summary.attempt),
        (State::Retryable, 1)
    );
    assert!(error(&flush).contains("500"), "{}", error(&flush));
    let flush = world.flush("partner").await;
    assert_eq!(
        (flush.summary.state, flush.summary.attempt),
        (State::Scheduled, 1)
    );
    assert!(
        error(&flush).contains("the breaker of \"partner\" is open"),
        "{}",
        error(&flush)
    );
    assert_eq!(server.seen().len(), 3, "nothing is sent while it is open");
    let flush = world
        .to_the_end(flush.summary.id, Duration::from_mins(10))
        .await;
    assert_eq!(flush.summary.state, State::Completed);
    let fates = fates(&world, job).await;
    assert!(
        fates.iter().all(|fate| *fate == Some(Fate::Delivered)),
        "{fates:?}"
    );
    world.end().await;
}

#[tokio::test]
async fn a_subscriber_that_may_not_be_called_says_which_setting_would_allow_it() {
    let url = "http://169.254.169.254/".parse().unwrap();
    let world = World::new(to("partner", webhook(&url)));
    let job = add(&world, 1).await;
    let flush = world.flush("partner").await;
    assert_eq!(flush.summary.state, State::Retryable);
    assert!(
        error(&flush).contains("outbound.allow"),
        "{}",
        error(&flush)
    );
    assert_eq!(fates(&world, job).await, [None]);
    world.end().await;
}
