//! Bad input: each is refused with what is wrong where, and nothing is enqueued.

use axum::body::Body;
use futures_util::{StreamExt, future::join_all, stream};
use http::Request;
use insta::assert_json_snapshot;
use serde_json::{Value, json};
use shared::job::JobId;
use std::time::Duration;
use windlass_api::Settings;

use crate::harness::{Answer, Service, request};

/// Submits what must be refused, and checks that nothing was enqueued.
async fn refused(service: &Service, body: impl Into<Body>) -> Answer {
    let answer = service.post("/v1/jobs", body).await;
    assert!((400..500).contains(&answer.status), "{}", answer.text);
    assert_eq!(service.jobs().await, 0);
    answer
}

/// The faults of a refusal: where, and what.
pub(crate) fn faults(answer: &Answer) -> Vec<(String, String)> {
    assert_eq!(answer.problem(), "validation-error", "{}", answer.text);
    let problem = answer.json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let fault = |fault: &Value| {
        let place = fault.get("pointer").or(fault.get("parameter")).unwrap();
        (text(place), text(&fault["detail"]))
    };
    problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(fault)
        .collect()
}

#[tokio::test]
async fn what_is_not_json_is_told_with_its_line_and_column() {
    let service = Service::new();
    for (body, place) in [
        ("", "line 1 column 0"),
        ("{", "line 1 column 1"),
        ("{\n  \"kind\": \"noop\",\n}", "line 3 column 1"),
        ("{\"kind\":\"noop\"} {}", "line 1 column 17"),
        ("[{\"kind\":\"noop\"},", "line 1 column 17"),
        ("[{\"kind\":\"noop\"}", "line 1 column 16"),
        ("{\"kind\":'noop'}", "line 1 column 9"),
        ("{\"kind\":\"noop\",\"args\":[NaN]}", "line 1 column 24"),
    ] {
        let answer = refused(&service, body).await;
        assert_eq!(answer.problem(), "malformed-json", "{body}");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.ends_with(place), "{body}: {detail}");
    }
    for body in [
        &b"{\"kind\":\"\xff\xfe\"}"[..],
        b"{\"kind\":\"noop\",\"args\":\"\xc3\x28\"}",
        b"\xef\xbb\xbf{\"kind\":\"noop\"}",
        b"\x1f\x8b\x08\x00",
    ] {
        let answer = refused(&service, body).await;
        assert_eq!(answer.problem(), "malformed-json", "{body:?}");
    }
    let broken = refused(&service, "{\n\"kind\": noop}").await;
    assert_json_snapshot!(broken.shown());
}

#[tokio::test]
async fn every_wrong_value_of_a_request_is_told_at_once() {
    let service = Service::new();
    let jobs = json!([
        { "kind": "noop" },
        { "kind": "no op", "queue": "", "priority": 10, "tags": ["fine", "not fine", "ü"] },
        { "queue": "a/b", "delay": "soon", "max_attempts": 0, "timeout": "1ms" },
        { "kind": "noop", "run_at": "tomorrow", "id": "7", "unique": { "key": "" } },
        {
            "kind": "noop",
            "delay": "1s",
            "run_at": "2026-11-21T08:00:00Z",
            "backoff": { "base": "2s", "factor": 2, "cap": "1s" },
            "unique": { "key": "k", "until": "sunset" },
        },
        { "kind": "noop", "unique": { "key": "k", "until": "started", "window": "0" } },
        { "kind": "noop", "unique": { "key": "k\n", "window": "400d" } },
    ]);
    let answer = refused(&service, jobs.to_string()).await;
    assert_json_snapshot!(answer.shown());
}

/// Bodies with one mistake each: where it is, and what is said about it.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("5", "#", "an object is expected"),
    ("\"noop\"", "#", "an object is expected"),
    ("null", "#", "an object is expected"),
    ("[[\"noop\"]]", "#/0", "an object is expected"),
    ("[{\"kind\":\"noop\"},7]", "#/1", "an object is expected"),
    ("{\"kind\":{}}", "#/kind", "a string is expected"),
    (
        "{\"kind\":\"a\",\"priority\":\"high\"}",
        "#/priority",
        "a whole number",
    ),
    (
        "{\"kind\":\"a\",\"priority\":-1}",
        "#/priority",
        "a whole number",
    ),
    (
        "{\"kind\":\"a\",\"priority\":2.5}",
        "#/priority",
        "a whole number",
    ),
    (
        "{\"kind\":\"a\",\"max_attempts\":1e30}",
        "#/max_attempts",
        "a whole number",
    ),
    (
        "{\"kind\":\"a\",\"delay\":30}",
        "#/delay",
        "a string is expected",
    ),
    (
        "{\"kind\":\"a\",\"tags\":\"x\"}",
        "#/tags",
        "an array is expected",
    ),
    (
        "{\"kind\":\"a\",\"tags\":[\"x\",1]}",
        "#/tags/1",
        "a string is expected",
    ),
    (
        "{\"kind\":\"a\",\"unique\":\"k\"}",
        "#/unique",
        "an object is expected",
    ),
    (
        "{\"kind\":\"a\",\"unique\":{}}",
        "#/unique/key",
        "is missing",
    ),
    (
        "{\"kind\":\"a\",\"backoff\":[\"1s\",2,\"1h\"]}",
        "#/backoff",
        "an object",
    ),
    (
        "{\"kind\":\"a\",\"backoff\":{\"base\":\"1s\"}}",
        "#/backoff/factor",
        "is missing",
    ),
    (
        "{\"kind\":\"a\",\"backoff\":{\"base\":\"fast\",\"factor\":2,\"cap\":\"1h\"}}",
        "#/backoff/base",
        "\"fast\" is not a length of time",
    ),
    (
        "{\"kind\":\"a\",\"kind\":\"b\"}",
        "#/kind",
        "is given twice",
    ),
    (
        "{\"kind\":\"a\",\"prioritty\":1}",
        "#/prioritty",
        "did you mean `priority`?",
    ),
    (
        "{\"kind\":\"a\",\"colour\":1}",
        "#/colour",
        "known are kind, args, queue",
    ),
    (
        "[{\"kind\":\"a\"},{\"kind\":\"a\",\"unique\":{\"kye\":1}}]",
        "#/1/unique/kye",
        "did you mean `key`?",
    ),
];

#[tokio::test]
async fn values_of_the_wrong_type_and_unknown_members_have_their_place() {
    let service = Service::new();
    for (body, place, detail) in MISTAKES.iter().copied() {
        let found = faults(&refused(&service, body).await);
        assert_eq!(found.len(), 1, "{body}");
        assert_eq!(found[0].0, place, "{body}");
        assert!(found[0].1.contains(detail), "{body}: {}", found[0].1);
    }
}

#[tokio::test]
async fn times_and_numbers_beyond_reason_are_refused() {
    let service = Service::new();
    for (field, value) in [
        ("run_at", json!("1970-01-01T00:00:00Z")),
        ("run_at", json!("9999-12-31T23:59:59Z")),
        ("run_at", json!("99999-01-01T00:00:00Z")),
        ("run_at", json!("2026-02-30T00:00:00Z")),
        ("run_at", json!("2026-11-21T07:00:00")),
        ("run_at", json!("1763708400")),
        ("delay", json!("-5s")),
        ("delay", json!("NaN")),
        ("delay", json!("100000d")),
        ("delay", json!("99999999999999999999999w")),
        ("timeout", json!("1000d")),
        ("max_attempts", json!(1001)),
        ("max_attempts", json!(u64::MAX)),
        ("priority", json!(u64::MAX)),
    ] {
        let job = json!([{ "kind": "noop" }, { "kind": "noop", field: value }]);
        let found = faults(&refused(&service, job.to_string()).await);
        assert_eq!(found.len(), 1, "{field} {value}");
        assert_eq!(found[0].0, format!("#/1/{field}"));
    }
    let yesterday = r#"{"kind":"noop","run_at":"2026-11-20T07:00:00Z"}"#;
    assert_eq!(service.post("/v1/jobs", yesterday).await.status, 201);
}

#[tokio::test]
async fn names_outside_their_grammar_are_refused() {
    let service = Service::new();
    let long = "x".repeat(65);
    for name in [
        "", " ", "a b", "a/b", "../etc", "-a", "a\0", "a\nb", "naïve", "🦀", "a'--", "%00", &long,
    ] {
        let found = async |job: Value, place: &str| {
            let found = faults(&refused(&service, job.to_string()).await);
            assert_eq!(found.len(), 1, "{name:?}");
            assert_eq!(found[0].0, place, "{name:?}");
        };
        found(json!({ "kind": name }), "#/kind").await;
        found(json!({ "kind": "noop", "queue": name }), "#/queue").await;
        if !name.contains('/') {
            found(json!({ "kind": "noop", "tags": ["a", name] }), "#/tags/1").await;
        }
    }
    let id = |id: &str| json!({ "kind": "noop", "id": id }).to_string();
    for text in [
        "",
        "00000000-0000-0000-0000-000000000000",
        "67e55044-10b1-426f-9247-bb680e5fe0c8",
        "0197f2c4-6f2e-7b1c-8d7a-3f5f0a6f2b1",
    ] {
        let found = faults(&refused(&service, id(text)).await);
        assert_eq!(found[0].0, "#/id", "{text}");
    }
}

#[tokio::test]
async fn args_too_large_or_too_deep_are_refused() {
    let service = Service::new();
    let with_args =
        |args: String| format!(r#"[{{"kind":"noop"}},{{"kind":"noop","args":{args}}}]"#);
    let large = |length: usize| with_args(format!("\"{}\"", "x".repeat(length - 2)));
    let answer = refused(&service, large(1024 * 1024 + 1)).await;
    assert_json_snapshot!(answer.shown());

    let deep = |depth: usize| with_args("[".repeat(depth) + &"]".repeat(depth));
    for depth in [101, 500_000] {
        let found = faults(&refused(&service, deep(depth)).await);
        assert_eq!(
            found,
            [(
                "#/1/args".to_owned(),
                "are nested deeper than 100 levels".to_owned()
            )]
        );
    }
    assert_eq!(
        service.post("/v1/jobs", large(1024 * 1024)).await.status,
        201
    );
    assert_eq!(service.post("/v1/jobs", deep(100)).await.status, 201);
}

#[tokio::test]
async fn nesting_where_none_belongs_is_refused_without_descending() {
    let service = Service::new();
    let deep = "[".repeat(1_000_000);
    let answer = refused(&service, deep).await;
    assert_eq!(faults(&answer)[0].0, "#/0");
    let deep = format!("{{\"kind\":{}", "{\"a\":".repeat(100_000));
    assert_eq!(faults(&refused(&service, deep).await)[0].0, "#/kind");
}

#[tokio::test]
async fn one_job_too_many_is_refused_and_so_are_millions() {
    let service = Service::new();
    let array = |count: usize| format!("[{}]", vec![r#"{"kind":"a"}"#; count].join(","));
    let answer = refused(&service, array(10_001)).await;
    assert_json_snapshot!(answer.shown());
    let answer = refused(&service, array(1_000_000)).await;
    assert_eq!(answer.problem(), "too-many-jobs");
}

#[tokio::test]
async fn ten_thousand_faults_are_summed_up() {
    let service = Service::new();
    let answer = refused(
        &service,
        json!(vec![json!({ "kind": "" }); 10_000]).to_string(),
    )
    .await;
    assert_eq!(faults(&answer).len(), 50);
    assert_eq!(answer.json()["errors_left_out"], 9950);
}

#[tokio::test]
async fn an_id_may_stand_in_a_request_once() {
    let service = Service::new();
    let job = json!({ "kind": "noop", "id": JobId::generate() });
    let answer = refused(&service, json!([job, { "kind": "b" }, job]).to_string()).await;
    assert_eq!(
        faults(&answer),
        [("#/2/id".to_owned(), "is the id of #/0 too".to_owned())]
    );
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_however_it_comes() {
    let service = Service::with(Settings {
        max_body: 1000,
        ..Settings::default()
    });
    let large = format!(r#"{{"kind":"noop","args":"{}"}}"#, "x".repeat(1000));
    let answer = refused(&service, large.clone()).await;
    assert_json_snapshot!(answer.shown());

    let declared: Request<Body> = request("POST", "/v1/jobs")
        .header("content-type", "application/json")
        .header("content-length", "18446744073709551615")
        .body("{".into())
        .unwrap();
    assert_eq!(service.send(declared).await.problem(), "body-too-large");

    let parts = large
        .into_bytes()
        .chunks(7)
        .map(<[u8]>::to_vec)
        .collect::<Vec<_>>();
    let parts = parts.into_iter().map(Ok::<_, std::io::Error>);
    let trickle = Body::from_stream(stream::iter(parts));
    assert_eq!(refused(&service, trickle).await.problem(), "body-too-large");
}

#[tokio::test(start_paused = true)]
async fn large_bodies_are_few_at_a_time_and_small_ones_pass_them_by() {
    let service = Service::new();
    let piece = |length: usize| Ok::<_, std::io::Error>(vec![b' '; length]);
    let large = move || piece(1024 * 1024 + 1);
    // It begins first, so its patience ends while the others hold all places.
    let late = stream::once(async move {
        tokio::time::sleep(Duration::from_secs(2)).await;
        large()
    });
    let late = stream::iter([piece(1)]).chain(late);
    let late = service.post("/v1/jobs", Body::from_stream(late));
    let others = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let stuck = || Body::from_stream(stream::iter([large()]).chain(stream::pending()));
        join_all((0..8).map(|_| service.post("/v1/jobs", stuck()))).await
    };
    let small = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        service.submit(json!({ "kind": "noop" })).await
    };
    let (late, others, _) = tokio::join!(late, others, small);
    assert_json_snapshot!(late.shown());
    assert!(others.iter().all(|other| other.problem() == "slow-body"));
    // Their places are free again.
    let large = format!("[{}]", " ".repeat(2 * 1024 * 1024));
    assert_eq!(service.post("/v1/jobs", large).await.status, 200);
}
