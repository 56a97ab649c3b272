//! Whole pipelines: sources, buffers and destinations together.

use crate::handlers::{
    fake_server::{Server, text},
    world::{World, databox, label, result, webhook},
};
use serde_json::{Value, json};
use shared::{
    config::{
        Config, Destination, Pipeline, Source,
        destinations::Wire,
        headers::Headers,
        sources::{HttpJson, HttpJsonMetric},
    },
    job::{JobDetail, JobId, State},
    metric::Expression,
    store::{CancelParams, ListParams, sqlite::SqliteStore},
};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn source(server: &Server, key: &str) -> Source {
    Source::HttpJson(HttpJson {
        url: server.url.as_str().parse().unwrap(),
        headers: Headers::default(),
        metrics: vec![HttpJsonMetric {
            key: key.parse().unwrap(),
            path: serde_json_path::JsonPath::parse("$.n").unwrap(),
            date: None,
            unit: None,
        }],
    })
}

/// A pipeline of two sources, each with a server of its own, and a sum.
fn config(one: &Server, two: &Server, destinations: Vec<(&str, Destination)>) -> Config {
    let mut config = Config::default();
    config.sources.insert(label("one"), source(one, "a"));
    config.sources.insert(label("two"), source(two, "b"));
    let pipeline = Pipeline {
        sources: vec![label("one"), label("two")],
        destinations: destinations.iter().map(|(name, _)| label(name)).collect(),
        timing: None,
        timeout: Duration::from_mins(5),
        max_attempts: 3,
        computed: std::iter::once(("sum".parse().unwrap(), Expression::parse("a + b").unwrap()))
            .collect(),
    };
    for (name, destination) in destinations {
        config.destinations.insert(label(name), destination);
    }
    config.pipelines.insert(label("all"), pipeline);
    config
}

async fn start(world: &World) -> JobId {
    world.enqueue("pipeline", json!({"pipeline": "all"})).await
}

/// Runs the pipeline to its end; answers its job and its result.
async fn run(world: &World) -> (JobDetail, Value) {
    let id = start(world).await;
    let job = end(world, id).await;
    let told = result(&job);
    (job, told)
}

/// Moves on in small steps, and lets every other job come to rest in each.
async fn end(world: &World, id: JobId) -> JobDetail {
    loop {
        let job = world.at_rest(id).await;
        if job.summary.state.is_terminal() {
            return job;
        }
        let jobs = world
            .store
            .list(ListParams {
                limit: 100,
                ..ListParams::default()
            })
            .await;
        for job in jobs.unwrap().items {
            world.at_rest(job.id).await;
        }
        world.advance(SECOND).await;
    }
}

async fn ok() -> Server {
    Server::saying(200, r#"{"status":"ok"}"#).await
}

#[tokio::test]
async fn numbers_are_collected_computed_and_published() {
    publishes(World::new).await;
}

#[tokio::test]
async fn a_store_that_is_a_file_makes_no_difference() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("windlass.db");
    publishes(|config| World::with(config, |clock| SqliteStore::open(path, clock).unwrap())).await;
}

async fn publishes(world: impl FnOnce(Config) -> World) {
    let (one, two) = (
        Server::saying(200, r#"{"n":7}"#).await,
        Server::saying(200, r#"{"n":5}"#).await,
    );
    let (numbers, events) = (ok().await, Server::saying(204, "").await);
    let world = world(config(
        &one,
        &two,
        vec![
            ("databox", databox(&numbers.url, Wire::B)),
            ("partner", webhook(&events.url)),
        ],
    ));
    let (job, told) = run(&world).await;
    assert_eq!(job.summary.state, State::Completed);
    assert_eq!(
        (job.summary.attempt, job.errors.len()),
        (1, 0),
        "looking is not counted"
    );
    assert_eq!(told["status"], "published", "{told}");
    assert_eq!(told["metrics"]["sum"]["latest"]["value"], 12);
    assert_eq!(told["destinations"]["databox"]["delivered"], 3);
    assert_eq!(told["destinations"]["partner"]["delivered"], 1);
    let pushed: Value = serde_json::from_slice(&numbers.seen()[0].body).unwrap();
    let dates: Vec<&Value> = pushed
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["date"])
        .collect();
    assert_eq!(
        dates, [&told["begun_at"]; 3],
        "numbers of now are of the same instant"
    );
    let event: Value = serde_json::from_slice(&events.seen()[0].body).unwrap();
    assert_eq!(event["data"]["pipeline"], "all");
    assert_eq!(event["data"]["run"], job.summary.id.to_string());
    assert_eq!(event["data"]["points"].as_array().unwrap().len(), 3);
    assert_eq!((numbers.seen().len(), events.seen().len()), (1, 1));
    world.end().await;
}

#[tokio::test]
async fn a_source_that_fails_does_not_stop_the_rest() {
    let one = Server::saying(200, r#"{"n":7}"#).await;
    let two = Server::saying(404, "gone").await;
    let numbers = ok().await;
    let world = World::new(config(
        &one,
        &two,
        vec![("databox", databox(&numbers.url, Wire::B))],
    ));
    let (_, told) = run(&world).await;
    assert_eq!(told["status"], "partial");
    assert_eq!(told["sources"]["one"]["ok"], true);
    let why = told["sources"]["two"]["why"].as_str().unwrap();
    assert!(why.contains("404 Not Found: gone"), "{why}");
    assert_eq!(
        told["metrics"]["sum"]["left_out"],
        json!(["needs b, which has no value"])
    );
    assert_eq!(told["destinations"]["databox"]["delivered"], 1);
    world.end().await;
}

#[tokio::test]
async fn a_source_is_tried_as_often_as_the_pipeline_says() {
    let one = Server::saying(200, r#"{"n":7}"#).await;
    let two = Server::saying(500, "").await;
    let world = World::new(config(&one, &two, Vec::new()));
    let (_, told) = run(&world).await;
    assert_eq!(two.seen().len(), 3);
    assert_eq!(told["sources"]["two"]["attempts"], 3);
    assert_eq!((one.seen().len(), &told["status"]), (1, &json!("partial")));
    world.end().await;
}

#[tokio::test]
async fn what_is_not_collected_in_time_is_given_up_and_told() {
    let one = Server::saying(200, r#"{"n":7}"#).await;
    let two = Server::start(|_, _| async {
        let mut answer = text(503, "");
        let long = reqwest::header::HeaderValue::from_static("3000");
        answer.headers_mut().insert("retry-after", long);
        answer
    })
    .await;
    let numbers = ok().await;
    let world = World::new(config(
        &one,
        &two,
        vec![("databox", databox(&numbers.url, Wire::B))],
    ));
    let (_, told) = run(&world).await;
    let why = told["sources"]["two"]["why"].as_str().unwrap();
    assert_eq!(why, "not collected within 5m, the time of pipeline all");
    // The time is over, so nobody waits for the flush; what was collected is published even so.
    assert_eq!(told["destinations"]["databox"]["waiting"], 1);
    assert!(told["took_ms"].as_u64().unwrap() >= 300_000);
    world.flush("databox").await;
    assert_eq!(numbers.seen().len(), 1);
    world.end().await;
}

#[tokio::test]
async fn a_destination_that_is_down_is_told_with_its_last_error() {
    let one = Server::saying(200, r#"{"n":7}"#).await;
    let (down, gone, numbers) = (
        Server::saying(500, "on fire").await,
        Server::saying(410, "").await,
        ok().await,
    );
    let world = World::new(config(
        &one,
        &one,
        vec![
            ("databox", databox(&numbers.url, Wire::A)),
            ("down", databox(&down.url, Wire::B)),
            ("gone", webhook(&gone.url)),
        ],
    ));
    let (_, told) = run(&world).await;
    assert_eq!(told["status"], "partial");
    let of = |name: &str| {
        (
            &told["destinations"][name]["waiting"],
            told["destinations"][name]["why"][0].as_str(),
        )
    };
    assert_eq!(of("databox"), (&json!(0), None));
    let (waiting, why) = of("down");
    assert_eq!(waiting, 3);
    assert!(why.unwrap().contains("on fire"), "{why:?}");
    let (waiting, why) = of("gone");
    assert_eq!(waiting, 1);
    assert!(
        why.unwrap().contains("is disabled") && why.unwrap().contains("410"),
        "{why:?}"
    );
    world.end().await;
}

#[tokio::test]
async fn a_buffer_that_is_full_is_waited_for() {
    let one = Server::saying(200, r#"{"n":7}"#).await;
    let numbers = ok().await;
    let mut config = config(
        &one,
        &one,
        vec![("databox", databox(&numbers.url, Wire::B))],
    );
    for destination in config.destinations.values_mut() {
        if let Destination::Databox(databox) = destination {
            databox.buffer.capacity = 4;
        }
    }
    let world = World::new(config);
    let points = json!([{"key": "x", "value": 1}, {"key": "y", "value": 1}]);
    world
        .run(
            "publish",
            json!({"destination": "databox", "points": points}),
        )
        .await;
    let (_, told) = run(&world).await;
    assert_eq!(told["status"], "published", "{told}");
    assert_eq!(numbers.seen().len(), 2);
    world.end().await;
}

#[tokio::test]
async fn a_flush_that_was_lost_is_asked_for_again() {
    let one = Server::saying(200, r#"{"n":7}"#).await;
    let numbers = ok().await;
    let world = World::new(config(
        &one,
        &one,
        vec![("databox", databox(&numbers.url, Wire::B))],
    ));
    let id = start(&world).await;
    loop {
        world.at_rest(id).await;
        world.advance(SECOND / 10).await;
        let jobs = world
            .store
            .list(ListParams {
                limit: 100,
                ..ListParams::default()
            })
            .await;
        let flush = jobs
            .unwrap()
            .items
            .into_iter()
            .find(|job| job.kind.as_str() == "publish");
        if let Some(flush) = flush {
            let (ids, reason) = (vec![flush.id], "lost".to_owned());
            world
                .store
                .cancel(CancelParams { ids, reason })
                .await
                .unwrap();
            break;
        }
    }
    let job = end(&world, id).await;
    assert_eq!(result(&job)["status"], "published");
    world.end().await;
}

#[tokio::test]
async fn a_pipeline_that_is_not_configured_is_tried_again_later() {
    let one = Server::saying(200, r#"{"n":7}"#).await;
    let world = World::new(config(&one, &one, Vec::new()));
    let job = world.run("pipeline", json!({"pipeline": "none"})).await;
    assert_eq!(job.summary.state, State::Retryable);
    world.end().await;
}
