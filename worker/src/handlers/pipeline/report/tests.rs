//! What a run says about itself, whatever became of its parts.

use super::*;
use crate::handlers::compute::compute;
use serde_json::json;
use shared::{
    config::{
        headers::Headers,
        sources::{HttpJson, HttpJsonMetric},
    },
    job::{
        Args, AttemptError, JobId, JobSummary, Kind, Priority, QueueName,
        attempt::{ErrorKind, Failure},
    },
    metric::Expression,
};

/// A collection in some state, with a result as JSON.
pub(in crate::handlers::pipeline) fn child(
    source: &str,
    state: State,
    result: Option<serde_json::Value>,
) -> JobDetail {
    let now = Timestamp::default();
    let summary = JobSummary {
        id: JobId::derive(JobId::generate(), source),
        kind: Kind::new("collect").unwrap(),
        queue: QueueName::default(),
        priority: Priority::default(),
        state,
        attempt: 2,
        max_attempts: 3,
        crashes: 0,
        tags: Vec::new(),
        accepted_at: now,
        due_at: None,
        claimed_at: None,
        ended_at: None,
        last_error: None,
        replay_of: None,
        replayed_as: None,
    };
    JobDetail {
        summary,
        args: Args::default(),
        timeout: None,
        backoff: None,
        unique: None,
        trace: None,
        errors: Vec::new(),
        progress: None,
        result: result.map(|result| result.to_string().into()),
        worker: None,
        cancel_requested: None,
    }
}

fn label(text: &str) -> Label {
    Label::new(text).unwrap()
}

fn source(key: &str) -> Source {
    Source::HttpJson(HttpJson {
        url: "https://x.example/".parse().unwrap(),
        headers: Headers::default(),
        metrics: vec![HttpJsonMetric {
            key: key.parse().unwrap(),
            path: serde_json_path::JsonPath::parse("$.n").unwrap(),
            date: None,
            unit: None,
        }],
    })
}

/// A pipeline of the sources `one` and `two`, with a difference computed.
fn pipeline() -> (Pipeline, BTreeMap<Label, Source>) {
    let pipeline = Pipeline {
        sources: vec![label("one"), label("two")],
        destinations: Vec::new(),
        timing: None,
        timeout: Duration::from_mins(5),
        max_attempts: 3,
        computed: std::iter::once(("gap".parse().unwrap(), Expression::parse("a - b").unwrap()))
            .collect(),
    };
    let known = BTreeMap::from([(label("one"), source("a")), (label("two"), source("b"))]);
    (pipeline, known)
}

fn collected_as(key: &str, value: i32) -> serde_json::Value {
    let points = [json!({"key": key, "value": value, "date": "2024"})];
    json!({"source": "x", "took_ms": 1, "bytes": 9, "points": points})
}

fn told(children: &[Option<JobDetail>; 2], deliveries: Vec<(&str, Delivery)>) -> serde_json::Value {
    let (pipeline, known) = pipeline();
    let gathered = Gathered::new(&pipeline, &known, children);
    let computed = compute(&gathered.points, &pipeline.computed);
    let gathered = gathered.with(computed);
    let deliveries = deliveries
        .into_iter()
        .map(|(name, d)| (label(name), d))
        .collect();
    let took = Duration::from_millis(1500);
    let report = report(
        &label("economy"),
        Timestamp::default(),
        took,
        gathered,
        deliveries,
    );
    serde_json::to_value(report).unwrap()
}

fn added(fates: Vec<Option<Fate>>) -> Delivery {
    Delivery::Added {
        fates,
        disabled: None,
        failed: None,
    }
}

#[test]
fn a_run_in_which_all_went_well_is_published() {
    let children = [
        Some(child("one", State::Completed, Some(collected_as("a", 7)))),
        Some(child("two", State::Completed, Some(collected_as("b", 5)))),
    ];
    let report = told(
        &children,
        vec![("databox", added(vec![Some(Fate::Delivered); 3]))],
    );
    let expected = json!({
        "pipeline": "economy",
        "status": "published",
        "begun_at": "1970-01-01T00:00:00Z",
        "took_ms": 1500,
        "sources": {
            "one": {"ok": true, "attempts": 2, "points": 1},
            "two": {"ok": true, "attempts": 2, "points": 1},
        },
        "metrics": {
            "a": {"points": 1, "latest": {"key": "a", "value": 7, "date": "2024-01-01T00:00:00Z"}},
            "b": {"points": 1, "latest": {"key": "b", "value": 5, "date": "2024-01-01T00:00:00Z"}},
            "gap": {"points": 1, "latest": {"key": "gap", "value": 2, "date": "2024-01-01T00:00:00Z"}},
        },
        "destinations": {"databox": {"delivered": 3, "refused": 0, "waiting": 0}},
    });
    assert_eq!(report, expected);
}

#[test]
fn a_source_that_fails_leaves_the_rest_and_everything_says_why() {
    let mut dead = child("two", State::Discarded, None);
    dead.summary.last_error = Some(AttemptError {
        attempt: 3,
        at: Timestamp::default(),
        worker: 1,
        failure: Failure::new(ErrorKind::Failed, "an HTML page"),
    });
    let children = [
        Some(child("one", State::Completed, Some(collected_as("a", 7)))),
        Some(dead),
    ];
    let fates = vec![
        Some(Fate::Delivered),
        Some(Fate::Refused("bad".to_owned())),
        None,
    ];
    let waits = Delivery::Added {
        fates,
        disabled: None,
        failed: Some("503".to_owned()),
    };
    let report = told(
        &children,
        vec![
            ("databox", waits),
            ("gone", Delivery::Impossible("?".to_owned())),
        ],
    );
    assert_eq!(report["status"], "partial");
    assert_eq!(
        report["sources"]["two"],
        json!({"ok": false, "attempts": 2, "why": "an HTML page"})
    );
    assert_eq!(
        report["metrics"]["b"]["left_out"],
        json!(["source two failed"])
    );
    assert_eq!(
        report["metrics"]["gap"]["left_out"],
        json!(["needs b, which has no value"])
    );
    let databox = json!({"delivered": 1, "refused": 1, "waiting": 1, "why": ["bad", "503"]});
    assert_eq!(report["destinations"]["databox"], databox);
    assert_eq!(report["destinations"]["gone"]["why"], json!(["?"]));
}

#[test]
fn a_run_that_published_nothing_has_failed() {
    let children = || {
        [
            None,
            Some(child("two", State::Completed, Some(json!({"odd": 1})))),
        ]
    };
    let report = told(&children(), vec![("databox", added(Vec::new()))]);
    assert_eq!(report["status"], "failed");
    let why = |name: &str| report["sources"][name]["why"].as_str().unwrap().to_owned();
    assert!(why("one").contains("forgotten"), "{}", why("one"));
    assert!(why("two").contains("another result"), "{}", why("two"));
    assert_eq!(told(&children(), Vec::new())["status"], "failed");
}

#[test]
fn a_collection_that_was_given_up_counts_as_failed_however_it_ended() {
    let mut late = child("two", State::Completed, Some(collected_as("b", 5)));
    late.cancel_requested = Some((Timestamp::default(), "not collected in time".to_owned()));
    let children = [
        Some(child("one", State::Completed, Some(collected_as("a", 7)))),
        Some(late),
    ];
    let report = told(&children, Vec::new());
    assert_eq!(report["sources"]["two"]["why"], "not collected in time");
    assert_eq!(report["status"], "partial");
}

#[test]
fn what_is_worth_waiting_for_is_what_can_still_be_delivered() {
    assert_eq!(added(vec![None, Some(Fate::Delivered), None]).open(), 2);
    assert_eq!(Delivery::Full(String::new()).open(), 1);
    assert_eq!(Delivery::Impossible(String::new()).open(), 0);
    let disabled = Delivery::Added {
        fates: vec![None],
        disabled: Some("410".to_owned()),
        failed: None,
    };
    assert_eq!(disabled.open(), 0);
    assert_eq!(of_destination(disabled).why, ["is disabled: 410"]);
}

#[test]
fn reasons_are_few_and_short() {
    let refused = |n: usize| Some(Fate::Refused(format!("{n} {}", "x".repeat(10_000))));
    let many = of_destination(added((0..1000).map(refused).collect()));
    assert_eq!((many.refused, many.why.len()), (1000, REASONS));
    assert!(many.why.iter().all(|why| why.len() <= REASON));
}
