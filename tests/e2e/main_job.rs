//! The main job, whole: the demo collects, computes and publishes; a job fails until it is a dead
//! letter, is mended and replayed.

use serde_json::{Value, json};

use crate::{
    http::Api,
    process::{Place, on_every_store},
};

on_every_store!(the_commands_show_and_change_what_the_process_does);

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_does_the_main_job_and_its_dead_letter_is_mended_and_replayed() {
    let place = Place::new();
    let mut demo = place.start(&["demo", "--json", "--listen", "127.0.0.1:0"]);
    let ready = parsed(&demo.line("\"event\":\"ready\"").await);
    assert_eq!(ready["complete"], true, "{ready}");

    // What is known of the data sets: Spain in 2012, and Texas beside California in 2013.
    let pipeline = &ready["pipeline"];
    assert_eq!(pipeline["status"], "published", "{pipeline}");
    let metrics = pipeline["metrics"].as_array().unwrap();
    let value = |key: &str| {
        let metric = metrics.iter().find(|metric| metric["key"] == key);
        metric.unwrap_or_else(|| panic!("no {key}: {pipeline}"))["value"].clone()
    };
    assert_eq!(value("unemployment_spain"), json!(25.047_735));
    assert_eq!(value("gsp_texas"), json!(1_458_300.0));
    assert_eq!(value("texas_to_california"), json!(0.700_904), "computed");
    let taken = &ready["taken"];
    assert_eq!(
        (&taken["values"], &taken["events"]),
        (&json!(6), &json!(1)),
        "{taken}"
    );
    assert_eq!(
        taken["refused"], 0,
        "tokens and signatures are right: {taken}"
    );

    let server = ready["place"]["api"].as_str().unwrap();
    let api = Api::new(server);
    let dead = ready["dead_letter"]["job"].as_str().unwrap();
    let job = api.get(&format!("/v1/jobs/{dead}")).await;
    assert_eq!(
        (&job["state"], &job["attempt"]),
        (&json!("discarded"), &json!(3)),
        "{job}"
    );
    let listed = place.run(&["dlq", "list", "--server", server]).await;
    assert!(listed.stdout.contains(dead), "{listed:?}");

    let mended = place.run(&["demo", "mend"]).await;
    assert_eq!(mended.code, Some(0), "{mended:?}");
    let replayed = place
        .run(&["dlq", "replay", dead, "--json", "--server", server])
        .await;
    let replayed = parsed(&replayed.stdout);
    let run = replayed["items"][0]["replayed_as"].as_str().unwrap();
    let run = api.ended(run).await;
    assert_eq!(
        (&run["state"], &run["replay_of"]),
        (&json!("completed"), &json!(dead)),
        "{run}"
    );

    let directory = ready["place"]["directory"].as_str().unwrap().to_owned();
    demo.stop().await;
    assert!(
        !std::path::Path::new(&directory).exists(),
        "its files are gone"
    );
}

/// A person at a terminal: submit, watch, look, pause and resume.
async fn the_commands_show_and_change_what_the_process_does(place: Place) {
    let up = place.start(&["up"]);
    let api = up.api().await;
    let run = async |args: &[&str]| {
        let args = [args, &["--server", api.url()]].concat();
        place.run(&args).await
    };

    let target = crate::target::Target::start().await;
    target.answer_all();
    let args = target.job()["args"].to_string();
    let first = run(&["job", "submit", "http", &args, "--queue", "mail", "--watch"]).await;
    assert_eq!(first.code, Some(0), "{first:?}");
    let paused = run(&["queue", "pause", "mail"]).await;
    assert_eq!(paused.code, Some(0), "{paused:?}");
    let submitted = run(&["job", "submit", "http", &args, "--queue", "mail", "--json"]).await;
    assert_eq!(submitted.code, Some(0), "{submitted:?}");
    let submitted = parsed(&submitted.stdout);
    let id = submitted["id"].as_str().unwrap();
    let shown = run(&["job", "show", id]).await;
    assert!(
        shown.stdout.contains("paused"),
        "why it does not run: {}",
        shown.stdout
    );
    assert_eq!(target.calls(), 1);

    assert_eq!(run(&["queue", "resume", "mail"]).await.code, Some(0));
    let watched = run(&["job", "watch", id]).await;
    assert_eq!(watched.code, Some(0), "{watched:?}");
    assert!(watched.stdout.contains("completed"), "{watched:?}");
    let status = run(&["status"]).await;
    assert_eq!(status.code, Some(0), "{status:?}");

    let unknown = run(&["job", "show", "01a1fe7f-f5dc-7030-bffd-1ddff9e5ede3"]).await;
    assert_eq!(unknown.code, Some(4), "{unknown:?}");
    let nobody = place
        .run(&["job", "list", "--server", "http://127.0.0.1:1"])
        .await;
    assert_eq!(nobody.code, Some(3), "{nobody:?}");
    assert!(nobody.stderr.contains("windlass up"), "{nobody:?}");
}
