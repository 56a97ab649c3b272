//! Jobs of kind `http` against servers that answer in every way.

use super::*;
use crate::handlers::{
    fake_server::{Server, text},
    world::{World, error, result},
};
use reqwest::header::HeaderValue;
use serde_json::json;
use shared::{
    config::Config,
    job::{JobDetail, NewJob, State, TraceContext},
};

fn body(bytes: &'static [u8], cut: bool) -> Body {
    let bytes = Bytes::from_static(bytes);
    Body { bytes, cut }
}

#[test]
fn a_body_is_kept_as_what_it_is() {
    let json = Some("application/problem+json");
    assert_eq!(content(&body(b"7", false), json), Value::from(7));
    assert_eq!(content(&body(b"7", false), None), Value::from("7"));
    assert_eq!(content(&body(b" [1]", false), None)[0], Value::from(1));
    assert_eq!(content(&body(b"{oops", false), json), Value::from("{oops"));
    assert_eq!(content(&body(b"[1]", true), json), Value::from("[1]"));
    assert_eq!(content(&body(b"\xff\xfe", false), None), Value::Null);
    assert_eq!(content(&body("aü".as_bytes(), false), None), "aü");
    assert_eq!(content(&body(b"a\xc3", true), None), "a");
    assert_eq!(content(&body(b"a\xc3", false), None), Value::Null);
}

async fn call(server: &Server, more: Value) -> (World, JobDetail) {
    let world = World::new(Config::default());
    let mut args = json!({"url": server.url.as_str()});
    args.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let job = world.run("http", args).await;
    (world, job)
}

#[tokio::test]
async fn a_call_carries_the_job_and_its_answer_is_the_result() {
    let server = Server::start(|_, _| async {
        let mut answer = text(201, r#"{"made":1}"#);
        let json = HeaderValue::from_static("application/json");
        answer.headers_mut().insert("content-type", json);
        answer
            .headers_mut()
            .insert("set-cookie", HeaderValue::from_static("s=secret"));
        answer
    })
    .await;
    let world = World::new(Config::default());
    let mut job = NewJob::new(
        "http",
        &json!({"url": server.url.as_str(), "body": {"a": 1}}),
    )
    .unwrap();
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    job.trace = Some(TraceContext::new(trace, None).unwrap());
    let id = world.enqueue_job(job).await;
    let job = world.at_rest(id).await;
    assert_eq!(job.summary.state, State::Completed);
    let told = result(&job);
    assert_eq!(
        (&told["status"], &told["body"]),
        (&json!(201), &json!({"made": 1}))
    );
    assert_eq!(told["headers"]["content-type"], "application/json");
    assert!(told["headers"].get("set-cookie").is_none(), "{told}");
    let seen = server.seen().pop().unwrap();
    assert_eq!(seen.headers["idempotency-key"], id.to_string().as_str());
    assert_eq!(seen.headers["windlass-job-id"], id.to_string().as_str());
    assert_eq!(seen.headers["windlass-attempt"], "1");
    assert_eq!(seen.headers["traceparent"], trace);
    assert_eq!(
        (seen.method.as_str(), &*seen.body),
        ("POST", &br#"{"a":1}"#[..])
    );
    world.end().await;
}

#[tokio::test]
async fn statuses_decide_whether_it_is_tried_again() {
    for (status, state) in [
        (204, State::Completed),
        (409, State::Completed),
        (408, State::Retryable),
        (500, State::Retryable),
        (301, State::Discarded),
        (422, State::Discarded),
    ] {
        let server = Server::saying(status, "because\u{7}\n<b>").await;
        let (world, job) = call(&server, json!({"success": [409]})).await;
        assert_eq!(job.summary.state, state, "{status}");
        if state != State::Completed {
            let told = error(&job);
            let expected = format!("GET {} answered {status}", server.origin());
            assert!(told.starts_with(&expected), "{told}");
            assert!(told.contains("because <b>"), "{told}");
        }
        assert_eq!(server.seen().len(), 1);
        world.end().await;
    }
}

#[tokio::test]
async fn a_wait_that_is_asked_for_is_kept() {
    let server = Server::start(|_, _| async {
        let mut answer = text(503, "");
        answer
            .headers_mut()
            .insert("retry-after", HeaderValue::from_static("600"));
        answer
    })
    .await;
    let (world, job) = call(&server, json!({})).await;
    assert_eq!(
        (job.summary.state, job.summary.attempt),
        (State::Retryable, 1)
    );
    let wait = job
        .summary
        .due_at
        .unwrap()
        .since(world.clock.now())
        .as_secs();
    assert!((600..=660).contains(&wait), "{wait} s");
    world.end().await;
}

#[tokio::test]
async fn a_long_answer_is_kept_in_part() {
    let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let server = Server::raw(head, b"8\r\nabcdefgh\r\n").await;
    let (world, job) = call(&server, json!({})).await;
    let told = result(&job);
    assert_eq!(told["truncated"], true);
    assert_eq!(told["body"].as_str().unwrap().len(), KEPT);
    world.end().await;
}

#[tokio::test]
async fn a_call_that_was_heard_is_not_made_again_because_its_answer_stalls() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc";
    let server = Server::raw(head, b"").await;
    let (world, job) = call(&server, json!({"timeout": "2s"})).await;
    assert_eq!(job.summary.state, State::Completed);
    let told = result(&job);
    assert_eq!(
        (&told["status"], &told["truncated"]),
        (&json!(200), &json!(true))
    );
    world.end().await;
}

#[tokio::test]
async fn a_server_that_is_slow_or_away_is_tried_again() {
    let silent = Server::raw(b"", b"").await;
    let (world, job) = call(&silent, json!({"timeout": "50ms"})).await;
    assert_eq!(job.summary.state, State::Retryable);
    assert!(error(&job).contains("within 50ms"), "{}", error(&job));
    world.end().await;
    let away = Server::saying(200, "").await;
    let args = json!({"url": away.url.as_str()});
    drop(away);
    let world = World::new(Config::default());
    let job = world.run("http", args).await;
    assert_eq!(job.summary.state, State::Retryable);
    assert!(error(&job).contains("cannot be reached"), "{}", error(&job));
    world.end().await;
}

#[tokio::test]
async fn what_must_not_be_called_is_discarded_at_once() {
    for (args, told) in [
        (json!({"url": "http://10.0.0.1/"}), "outbound.allow"),
        (json!({"url": "http://[::1]/"}), "outbound.allow"),
        (
            json!({"url": "http://[::ffff:10.0.0.1]/"}),
            "outbound.allow",
        ),
        (json!({"url": "http://user:pass@example.com/"}), "user name"),
        (json!({"url": "file:///etc/passwd"}), "scheme"),
        (
            json!({"url": "https://example.com/", "headers": {"Host": "a"}}),
            "Host",
        ),
    ] {
        let world = World::new(Config::default());
        let job = world.run("http", args.clone()).await;
        assert_eq!(job.summary.state, State::Discarded, "{args}");
        assert!(error(&job).contains(told), "{args}: {}", error(&job));
        world.end().await;
    }
}

#[tokio::test]
async fn args_that_do_not_fit_say_where() {
    let world = World::new(Config::default());
    let job = world
        .run("http", json!({"url": "https://x.y", "headers": {"a": 1}}))
        .await;
    assert_eq!(job.summary.state, State::Retryable);
    assert!(error(&job).contains("headers.a"), "{}", error(&job));
    world.end().await;
}
