//! What a run of a pipeline says about itself: which sources were collected, which metrics have
//! values, what each destination took, and why not. Pure.

use serde::Deserialize;
use serde_json::value::RawValue;
use shared::{clock::Timestamp, config::human::format_duration};
use std::{collections::BTreeMap, time::Duration};

use crate::output::{
    Table, clean, indent,
    table::{number, plain, state},
};

#[derive(Debug, Deserialize)]
struct Report {
    status: String,
    begun_at: Timestamp,
    took_ms: u64,
    sources: BTreeMap<String, Source>,
    metrics: BTreeMap<String, Metric>,
    destinations: BTreeMap<String, Destination>,
}

#[derive(Debug, Deserialize)]
struct Source {
    ok: bool,
    attempts: u64,
    points: Option<u64>,
    why: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Metric {
    points: u64,
    latest: Option<Point>,
    #[serde(default)]
    left_out: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Point {
    value: Box<RawValue>,
    date: Option<Timestamp>,
    unit: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Destination {
    delivered: u64,
    refused: u64,
    waiting: u64,
    #[serde(default)]
    why: Vec<String>,
}

/// A result as text; one of another shape as the JSON that it is.
pub(super) fn render(json: &str) -> String {
    let Ok(report) = serde_json::from_str::<Report>(json) else {
        return indent(json, 0);
    };
    let took = format_duration(Duration::from_millis(report.took_ms));
    let mut head = Table::headless();
    let told = format!("{} at {}, took {took}", report.status, report.begun_at);
    head.row([state(&told)]);
    let mut parts = vec![head.render()];
    let tables = [
        sources(&report.sources),
        metrics(&report.metrics),
        destinations(&report.destinations),
    ];
    parts.extend(
        tables
            .into_iter()
            .filter(|table| !table.is_empty())
            .map(Table::render),
    );
    parts.join("\n\n")
}

/// Whether a result says that nothing was published.
pub(super) fn has_failed(json: &str) -> bool {
    serde_json::from_str::<Report>(json).is_ok_and(|report| report.status == "failed")
}

fn sources(sources: &BTreeMap<String, Source>) -> Table {
    let mut table = Table::new(&["source", "collected", "points", "attempts", "why not"]);
    for (name, source) in sources {
        table.row([
            plain(name),
            state(if source.ok { "ok" } else { "failed" }),
            plain(
                &source
                    .points
                    .map_or_else(String::new, |count| count.to_string()),
            ),
            number(source.attempts),
            plain(source.why.as_deref().unwrap_or_default()),
        ]);
    }
    table
}

fn metrics(metrics: &BTreeMap<String, Metric>) -> Table {
    let mut table = Table::new(&["metric", "points", "latest", "of", "why not all"]);
    for (key, metric) in metrics {
        let latest = metric.latest.as_ref();
        let value = latest.map_or_else(String::new, |point| {
            let unit = point
                .unit
                .as_ref()
                .map_or_else(String::new, |unit| format!(" {unit}"));
            format!("{}{unit}", point.value.get())
        });
        let date = latest.and_then(|point| point.date);
        table.row([
            plain(key),
            number(metric.points),
            plain(&value),
            plain(&date.map_or_else(String::new, |date| date.to_string())),
            plain(&metric.left_out.join("; ")),
        ]);
    }
    table
}

fn destinations(destinations: &BTreeMap<String, Destination>) -> Table {
    let mut table = Table::new(&["destination", "published", "refused", "waiting", "why"]);
    for (name, destination) in destinations {
        table.row([
            plain(name),
            number(destination.delivered),
            number(destination.refused),
            number(destination.waiting),
            plain(&clean::line(&destination.why.join("; "))),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_result_says_what_was_published_and_what_not_and_why() {
        let json = r#"{"pipeline": "economy", "status": "partial",
            "begun_at": "2026-11-21T07:00:00Z", "took_ms": 1250,
            "sources": {"shop": {"ok": false, "attempts": 3, "why": "HTTP 500\u001b[2J"},
                        "unemployment": {"ok": true, "attempts": 1, "points": 12}},
            "metrics": {"rate": {"points": 12, "latest": {"key": "rate", "value": 4.50,
                          "date": "2026-10-01T00:00:00Z", "unit": "%"}},
                        "ratio": {"points": 0, "left_out": ["sales: its source failed"]}},
            "destinations": {"databox": {"delivered": 12, "refused": 0, "waiting": 0},
                             "hook": {"delivered": 0, "refused": 0, "waiting": 12,
                                      "why": ["is disabled: HTTP 410"]}}}"#;
        assert!(!has_failed(json));
        assert!(has_failed(&json.replace("partial", "failed")));
        let text = anstream::adapter::strip_str(&render(json)).to_string();
        insta::assert_snapshot!(text, @r"
        partial at 2026-11-21T07:00:00Z, took 1s250ms

        SOURCE        COLLECTED  POINTS  ATTEMPTS  WHY NOT
        shop          failed             3         HTTP 500\u{1b}[2J
        unemployment  ok         12      1

        METRIC  POINTS  LATEST  OF                    WHY NOT ALL
        rate    12      4.50 %  2026-10-01T00:00:00Z
        ratio   0                                     sales: its source failed

        DESTINATION  PUBLISHED  REFUSED  WAITING  WHY
        databox      12         0        0
        hook         0          0        12       is disabled: HTTP 410
        ");
    }

    #[test]
    fn a_result_of_another_shape_is_shown_as_it_is() {
        assert_eq!(render(r#"{"a":[1]}"#), "{\n  \"a\": [\n    1\n  ]\n}");
        assert_eq!(render("7"), "7");
    }
}
