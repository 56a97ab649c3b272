//! Events are published over HTTP while no worker runs, until the buffer is full; then one comes.

use axum::Router;
use rustix::process::Signal;
use serde_json::{Value, json};
use shared::shutdown::Tasks;
use tokio::net::TcpListener;

use crate::process::{Place, on_every_store};

on_every_store!(a_full_buffer_refuses_more_and_loses_nothing_until_a_worker_comes);

const PUBLISH: &str = "/v1/destinations/partner/publish";

fn events(count: usize) -> Value {
    json!({ "events": vec![json!({ "type": "order.paid", "data": { "id": 42 } }); count] })
}

/// A configuration whose destination is at `url`, with a buffer of so many entries.
fn configuration(url: &str, capacity: u64) -> String {
    format!(
        "[destinations.partner]\ntype = \"webhook\"\nurl = \"{url}\"\n\
         [destinations.partner.buffer]\nbatch_size = 2\nflush_every = 2\n\
         capacity = {capacity}\nflush_interval = \"1s\"\n"
    )
}

async fn a_full_buffer_refuses_more_and_loses_nothing_until_a_worker_comes(place: Place) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let subscriber = Router::new().fallback(async || "");
    let tasks = Tasks::new();
    tasks.spawn(async { axum::serve(listener, subscriber).await.unwrap() });

    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let place = place
        .with("DESTINATIONS__PARTNER__SECRET", secret)
        .with("LOGS__FILTER", "info,windlass=debug");
    let file = place.path().join("windlass.toml");
    std::fs::write(&file, configuration(&url, 5)).unwrap();
    let process = place.start(&["api"]);
    let api = process.api().await;
    let (status, published) = api.post(PUBLISH, &events(4)).await;
    assert_eq!((status.as_u16(), &published["waiting"]), (202, &json!(4)));
    let (status, full) = api.post(PUBLISH, &events(2)).await;
    assert_eq!((status.as_u16(), &full["waiting"]), (429, &json!(4)));
    assert_eq!(full["type"], "/problems/buffer-full");

    let worker = place.start(&["worker"]);
    worker.line("is registered").await;
    let flush = published["flush"].as_str().unwrap();
    assert_eq!(api.ended(flush).await["state"], "completed");
    let id = published["id"].as_str().unwrap();
    let receipts = format!("/v1/destinations/partner/receipts/{id}");
    assert_eq!(api.get(&receipts).await["delivered"], 4);

    // The capacity is another from the next request on, without a restart.
    std::fs::write(&file, configuration(&url, 3)).unwrap();
    process.signal(Signal::HUP);
    process.line("what changed holds from now on").await;
    let (status, _) = api.post(PUBLISH, &events(4)).await;
    assert_eq!(status.as_u16(), 422);
    assert_eq!(api.post(PUBLISH, &events(2)).await.0.as_u16(), 202);
}
