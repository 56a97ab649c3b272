//! Submitting: one job, many, again, and with everything that can be said about one.

use http::Request;
use insta::assert_json_snapshot;
use serde_json::{Value, json};
use shared::job::JobId;
use windlass_api::Live;

use crate::harness::{Service, live, request};

#[tokio::test]
async fn a_new_job_is_answered_with_its_address_and_its_view() {
    let service = Service::new();
    let answer = service.post("/v1/jobs", r#"{"kind":"noop"}"#).await;
    assert_json_snapshot!(answer.shown());
    let job = service.get(answer.header("location")).await;
    assert_eq!(job.status, 200);
    assert_eq!(job.json(), answer.json()["job"]);
}

#[tokio::test]
async fn everything_that_is_said_about_a_job_is_kept() {
    let service = Service::new();
    let id = JobId::generate().to_string();
    let job = json!({
        "kind": "Billing::Invoice",
        "args": { "number": 7 },
        "queue": "mail.bulk",
        "priority": 0,
        "run_at": "2026-11-21T09:00:00+01:00",
        "max_attempts": 3,
        "timeout": "90s",
        "backoff": { "base": "1s", "factor": 3, "cap": "1h" },
        "unique": { "key": "invoice 7", "window": "1h" },
        "tags": ["tenant:42", "urgent", "urgent"],
        "id": id,
    });
    let answer = service.post("/v1/jobs", job.to_string()).await;
    assert_eq!(answer.json()["id"], json!(id));
    assert_json_snapshot!(answer.shown());
}

#[tokio::test]
async fn args_are_kept_as_they_are_written() {
    let service = Service::new();
    for args in [
        "{ \"b\":1.0,\t\"a\":1e2, \"a\": \"\\u00e9\" }",
        "null",
        "[ ]",
        "18446744073709551616.000",
    ] {
        let body = format!(r#"{{"kind":"noop","args":{args}}}"#);
        let id = service.post("/v1/jobs", body).await.json()["id"].clone();
        let id: JobId = id.as_str().unwrap().parse().unwrap();
        let job = service.hands().await.claim().await;
        assert_eq!((job.id, &job.args.bytes()[..]), (id, args.as_bytes()));
        let shown = service.get(&format!("/v1/jobs/{id}")).await;
        assert!(shown.text.contains(args), "{}", shown.text);
    }
}

#[tokio::test]
async fn an_array_is_answered_with_a_verdict_for_each_in_order() {
    let service = Service::new();
    let known = service.submit(json!({ "kind": "noop" })).await;
    let unique = json!({ "key": "k", "until": "finished" });
    let jobs = json!([
        { "kind": "noop", "delay": "5m" },
        { "kind": "noop", "id": known },
        { "kind": "sync", "unique": unique },
        { "kind": "sync", "unique": unique },
    ]);
    let answer = service.post("/v1/jobs", jobs.to_string()).await;
    assert_json_snapshot!(answer.shown());
    assert_eq!(service.jobs().await, 3);
}

#[tokio::test]
async fn an_empty_array_is_no_mistake() {
    let service = Service::new();
    let answer = service.post("/v1/jobs", " []").await;
    assert_eq!(
        (answer.status, answer.json()["items"].clone()),
        (200, json!([]))
    );
}

#[tokio::test]
async fn the_same_id_again_is_answered_with_the_job_as_it_is() {
    let service = Service::new();
    let job = json!({ "kind": "noop", "id": JobId::generate() });
    service.submit(job.clone()).await;
    service.hands().await.complete(json!("done")).await;
    let again = service.post("/v1/jobs", job.to_string()).await;
    assert_json_snapshot!(again.shown());
    assert_eq!(service.jobs().await, 1);
}

#[tokio::test]
async fn a_duplicate_is_answered_with_the_job_that_holds_the_key() {
    let service = Service::new();
    let unique = json!({ "key": "report", "until": "started" });
    let job = json!({ "kind": "report", "unique": unique });
    let holder = service.submit(job.clone()).await;
    let answer = service.post("/v1/jobs", job.to_string()).await;
    let body = answer.json();
    assert_eq!(
        (answer.status, &body["verdict"]),
        (200, &json!("duplicate"))
    );
    assert_eq!(
        (&body["id"], &body["job"]["id"]),
        (&json!(holder), &json!(holder))
    );
    assert_eq!(answer.header("location"), format!("/v1/jobs/{holder}"));
}

#[tokio::test]
async fn the_trace_of_the_request_goes_with_its_jobs() {
    let service = Service::new();
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let submit = |parent: &str| -> Request<_> {
        request("POST", "/v1/jobs")
            .header("content-type", "application/json; charset=utf-8")
            .header("traceparent", parent)
            .header("tracestate", "vendor=1")
            .body(r#"{"kind":"noop"}"#.into())
            .unwrap()
    };
    let answer = service.send(submit(parent)).await;
    assert_eq!(
        answer.json()["job"]["trace_id"],
        "4bf92f3577b34da6a3ce929d0e0e4736"
    );
    let claimed = service.hands().await.claim().await.trace.unwrap();
    assert_eq!(claimed.traceparent(), parent);
    assert_eq!(claimed.tracestate(), Some("vendor=1"));
    let answer = service.send(submit("00-nonsense")).await;
    assert_eq!(
        (answer.status, &answer.json()["job"]["trace_id"]),
        (201, &Value::Null)
    );
}

#[tokio::test]
async fn what_the_configuration_says_holds_from_the_next_request_on() {
    let service = Service::going_by(Live {
        max_attempts: 4,
        max_jobs_per_request: 2,
        ..live()
    });
    let submit = async || service.post("/v1/jobs", r#"{"kind":"noop"}"#).await.json();
    let three = json!(vec![json!({ "kind": "noop" }); 3]).to_string();
    assert_eq!(submit().await["job"]["max_attempts"], 4);
    let run = service.poke("/v1/pipelines/economy/run").await.json();
    assert_eq!(run["max_attempts"], 4);
    let refused = service.post("/v1/jobs", three.clone()).await;
    assert_eq!(refused.problem(), "too-many-jobs");

    let reload = service.api.reload();
    let changed = Live {
        max_attempts: 7,
        max_jobs_per_request: 3,
        ..Live::default()
    };
    reload.replace(changed.clone()).unwrap();
    assert_eq!(submit().await["job"]["max_attempts"], 7);
    assert_eq!(service.post("/v1/jobs", three.clone()).await.status, 201);
    let gone = service.poke("/v1/pipelines/economy/run").await;
    assert_eq!(gone.problem(), "pipeline-not-found");

    let wrong = Live {
        max_attempts: 0,
        ..live()
    };
    assert!(reload.replace(wrong).is_err());
    assert_eq!(submit().await["job"]["max_attempts"], 7);
}

#[tokio::test]
async fn a_request_as_large_as_allowed_is_accepted() {
    let service = Service::new();
    let jobs = vec![json!({ "kind": "noop", "args": { "pad": "x".repeat(100) } }); 10_000];
    let answer = service.post("/v1/jobs", json!(jobs).to_string()).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.json()["items"].as_array().unwrap().len(), 10_000);
    let queue = service.get("/v1/queues/default").await.json();
    assert_eq!(queue["counts"]["available"], 10_000);
}
