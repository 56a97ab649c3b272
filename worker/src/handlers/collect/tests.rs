//! Sources as they are: what a collection makes of them.

use super::*;
use crate::handlers::{
    fake_server::{Server, text},
    world::{World, error, label, result},
};
use reqwest::header::HeaderValue;
use serde_json::json;
use shared::{
    config::{
        Config,
        sources::{Jsonstat, JsonstatMetric, Selection},
    },
    job::{JobDetail, State},
};

const OECD: &str = include_str!("../../../tests/data/jsonstat/oecd.json");

fn jsonstat(server: &Server, area: &str, latest: u32) -> Config {
    let metric = JsonstatMetric {
        key: "unemployment".parse().unwrap(),
        select: [("area".to_owned(), area.to_owned())].into(),
        time: Some("year".to_owned()),
        latest,
        unit: Some("%".to_owned()),
    };
    let asked = Selection {
        code: "area".to_owned(),
        filter: "item".to_owned(),
        values: vec![area.to_owned()],
    };
    let source = Source::Jsonstat(Jsonstat {
        url: server.url.as_str().parse().unwrap(),
        query: Some(vec![asked]),
        metrics: vec![metric],
    });
    let mut config = Config::default();
    config.sources.insert(label("oecd"), source);
    config
}

async fn collect(config: Config) -> (World, JobDetail) {
    let world = World::new(config);
    let job = world.run("collect", json!({"source": "oecd"})).await;
    (world, job)
}

#[tokio::test]
async fn a_table_is_asked_and_its_numbers_are_the_result() {
    let server = Server::saying(200, OECD).await;
    let (world, job) = collect(jsonstat(&server, "US", 2)).await;
    assert_eq!(job.summary.state, State::Completed);
    let told: Collected = serde_json::from_value(result(&job)).unwrap();
    assert_eq!((told.source, told.bytes), (label("oecd"), OECD.len()));
    let expected = json!([
        {"key": "unemployment", "value": 7.810_715, "date": "2013-01-01T00:00:00Z", "unit": "%"},
        {"key": "unemployment", "value": 7.514_93, "date": "2014-01-01T00:00:00Z", "unit": "%"},
    ]);
    assert_eq!(result(&job)["points"], expected);
    let seen = server.seen().pop().unwrap();
    let sent: serde_json::Value = serde_json::from_slice(&seen.body).unwrap();
    assert_eq!(
        (seen.method.as_str(), &sent["response"]["format"]),
        ("POST", &json!("json-stat2"))
    );
    world.end().await;
}

#[tokio::test]
async fn answers_that_are_no_data_are_failures_that_say_what_they_are() {
    let shorter = OECD.replacen("5.943826289, ", "", 1);
    for (body, content_type, told) in [
        (
            "<!doctype html><title>Sign in</title>",
            "text/html",
            "an HTML page (text/html) titled \"Sign in\" where JSON was expected",
        ),
        ("", "application/json", "an empty answer"),
        (
            "\"..\"",
            "application/json",
            "text (application/json) that begins",
        ),
        ("{\"id\":", "application/json", "EOF"),
        ("[1,2]", "application/json", "is wrong"),
        (
            shorter.leak(),
            "application/json",
            "value holds 431 cells, but size [1, 36, 12] makes 432",
        ),
    ] {
        let server = Server::start(move |_, _| async move {
            let mut answer = text(200, body);
            let content_type = HeaderValue::from_static(content_type);
            answer.headers_mut().insert("content-type", content_type);
            answer
        })
        .await;
        let (world, job) = collect(jsonstat(&server, "US", 1)).await;
        assert_eq!(job.summary.state, State::Retryable, "{told}");
        assert!(error(&job).contains(told), "{}", error(&job));
        world.end().await;
    }
}

#[tokio::test]
async fn a_byte_order_mark_is_passed_over() {
    let marked = format!("\u{feff}{OECD}").leak();
    let server = Server::saying(200, marked).await;
    let (world, job) = collect(jsonstat(&server, "DE", 1)).await;
    assert_eq!(job.summary.state, State::Completed);
    world.end().await;
}

#[tokio::test]
async fn what_a_table_refuses_is_told_in_its_words() {
    for (status, body, state, told) in [
        (
            400,
            r#"{"error":"Parameter error"}"#,
            State::Discarded,
            "400 Bad Request: Parameter error",
        ),
        (
            403,
            r#"{"error":"Too many values selected"}"#,
            State::Discarded,
            "Too many values selected",
        ),
        (302, "", State::Discarded, "redirects are not followed"),
        (
            503,
            "down",
            State::Retryable,
            "503 Service Unavailable: down",
        ),
        (500, "", State::Retryable, "answered 500"),
    ] {
        let server = Server::saying(status, body).await;
        let (world, job) = collect(jsonstat(&server, "US", 1)).await;
        assert_eq!(job.summary.state, state, "{status}");
        assert!(error(&job).contains(told), "{}", error(&job));
        world.end().await;
    }
}

#[tokio::test]
async fn a_source_that_counts_calls_is_left_alone_for_its_whole_window() {
    for (asked, least) in [(Some("30"), 30), (Some("1"), 10), (None, 10)] {
        let server = Server::start(move |_, _| async move {
            let mut answer = text(429, r#"{"error":"429 - Too many requests"}"#);
            if let Some(asked) = asked {
                answer
                    .headers_mut()
                    .insert("retry-after", HeaderValue::from_static(asked));
            }
            answer
        })
        .await;
        let (world, job) = collect(jsonstat(&server, "US", 1)).await;
        let wait = job
            .summary
            .due_at
            .unwrap()
            .since(world.clock.now())
            .as_secs();
        assert!(
            (least..=least + least / 10).contains(&wait),
            "{asked:?}: {wait} s"
        );
        world.end().await;
    }
}

#[tokio::test]
async fn an_answer_without_end_is_refused_at_the_limit() {
    let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let server = Server::raw(head, b"8\r\n[[[[[[[[\r\n").await;
    let mut config = jsonstat(&server, "US", 1);
    config.outbound.max_response.0 = 100_000;
    let (world, job) = collect(config).await;
    assert!(
        error(&job).contains("more than 100000 bytes"),
        "{}",
        error(&job)
    );
    assert!(
        error(&job).contains("outbound.max_response"),
        "{}",
        error(&job)
    );
    world.end().await;
}

#[tokio::test]
async fn a_result_that_is_too_large_says_what_to_do() {
    let years: Vec<String> = (0..9000).map(|n| format!("\"{:04}\"", n + 1)).collect();
    let json = format!(
        r#"{{"class":"dataset","id":["area","year"],"size":[1,9000],"value":[{}],"dimension":{{
            "area":{{"category":{{"index":["US"]}}}},
            "year":{{"category":{{"index":[{}]}}}}}}}}"#,
        vec!["1"; 9000].join(","),
        years.join(",")
    );
    let server = Server::saying(200, json.leak()).await;
    let mut config = jsonstat(&server, "US", 9000);
    for source in config.sources.values_mut() {
        if let Source::Jsonstat(source) = source {
            source.metrics[0].unit = Some("x".repeat(64));
        }
    }
    let (world, job) = collect(config).await;
    assert_eq!(job.summary.state, State::Discarded);
    assert!(error(&job).contains("select fewer"), "{}", error(&job));
    world.end().await;
}

#[tokio::test]
async fn a_source_that_is_not_configured_is_tried_again_later() {
    let server = Server::saying(200, OECD).await;
    let world = World::new(jsonstat(&server, "US", 1));
    let job = world.run("collect", json!({"source": "oced"})).await;
    assert_eq!(job.summary.state, State::Retryable);
    assert!(
        error(&job).contains("did you mean \"oecd\"?"),
        "{}",
        error(&job)
    );
    world.end().await;
}
