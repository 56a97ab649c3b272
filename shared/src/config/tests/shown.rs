//! What `config show` prints, and that it can be read again.

use super::{config, load, load_in};
use crate::config::{Layers, show};

const EXPECTED: &str = r#"[store]
url = "sqlite://windlass.db"

[api]
listen = "127.0.0.1:7400"
max_body = "32MiB"
max_jobs_per_request = 10000
request_timeout = "30s"

[worker]
name = ""
queues = ["*"]
concurrency = 20 # w.toml line 2
lease = "20s"
heartbeat = "5s"
job_timeout = "15m"
drain_timeout = "25s"
poll = "1s"

[retry]
base = "10s"
factor = 2.0
cap = "4d"
max_attempts = 25
# A job that keeps failing is given up after about 20 days on average: 25 attempts.

[retry.kinds]

[retry.kinds."Billing::Invoice"]
cap = "1d" # w.toml line 4

[scheduler]
lease = "10s"
rescue_every = "1s"
prune_every = "10s"
prune_batch = 5000

[retention]
completed = "1d"
cancelled = "1d"
discarded = "30d"

[outbound]
allow = []
connect_timeout = "5s"
timeout = "30s"
max_response = "4MiB"

[logs]
filter = "debug" # environment WINDLASS__LOGS__FILTER
format = "auto"

[telemetry]
exporter = "otlp"
protocol = "grpc"
timeout = "10s"
headers = {}
service_name = ""
sampler = "per_second:100"

[telemetry.attributes]

[schedules]

[schedules.s]
every = "15m" # w.toml line 6
jitter = "0s"
misfire = "once"
misfire_window = "1d"
overlap = "allow"
kind = "http" # w.toml line 7
queue = "default"
priority = 5
args = { list = [{ api_key = "[redacted]" }], token = "[redacted]", url = "https://a.example" } # w.toml line 8

[sources]

[destinations]

[pipelines]
"#;

#[test]
fn what_holds_is_shown_with_its_origin() {
    let loaded = load(
        "[worker]\nconcurrency = 20\n[retry.kinds.\"Billing::Invoice\"]\ncap = '1d'\n\
         [schedules.s]\nevery = '15m'\nkind = 'http'\n\
         args = { url = 'https://a.example', token = 'hunter2', list = [{ api_key = 'hunter2' }] }",
        &[("WINDLASS__LOGS__FILTER", "debug")],
    )
    .unwrap();
    let shown: Vec<String> = show::render(&loaded).lines().map(line).collect();
    assert_eq!(shown.join("\n") + "\n", EXPECTED);
}

/// A line without the spaces before the origin and the folder in it.
fn line(line: &str) -> String {
    match line.split_once("  # ") {
        Some((line, origin)) => {
            let origin = origin.rsplit('/').next().unwrap_or(origin);
            format!("{} # {origin}", line.trim_end())
        }
        None => line.to_owned(),
    }
}

#[test]
fn what_is_shown_can_be_read_again() {
    let file = "
        worker.queues = ['mail', '*']
        retry.kinds.http.factor = 1.5
        outbound.allow = ['127.0.0.0/8', '::1']
        logs.filter = 'info,windlass_worker=debug'
        [sources.\"a.b\"]
        type = 'jsonstat'
        url = 'https://a.example/x?page=1'
        query = [{ code = 'č', filter = 'top', values = ['4'] }]
        metrics = [{ key = 'x', select = { 'čas ena' = '*' }, time = 't', latest = 3, unit = '\"%' }]
        [sources.c]
        type = 'http_json'
        url = 'http://127.0.0.1:8080/'
        headers = { accept = 'text/x' }
        metrics = [{ key = 'y', path = '$.a[?@.b == \"c\"]', unit = '€' }]
        [pipelines.p]
        sources = ['a.b', 'c']
        every = '1h30m'
        jitter = '500ms'
        [pipelines.p.computed]
        z = '(x - y) / 2'
        2024 = 'z'";
    let first = config(file);
    let shown = show::render(&load(file, &[]).unwrap());
    assert_eq!(config(&shown), first, "{shown}");
}

#[test]
fn a_secret_is_shown_as_one_with_the_place_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t"), "hunter2").unwrap();
    let file = "[destinations.d]\ntype = 'databox'\ntoken_file = 'DIR/t'";
    let shown = show::render(&load_in(folder.path(), file, &[]).unwrap());
    let line = shown
        .lines()
        .find(|line| line.starts_with("token"))
        .unwrap();
    assert!(line.starts_with("token = \"[redacted]\"  "), "{line}");
    assert!(
        line.contains("# the file named at ") && line.ends_with("w.toml line 3"),
        "{line}"
    );
}

#[test]
fn the_verdict_is_ok_or_the_faults() {
    let fine = Layers::default().load();
    assert_eq!(show::Verdict::of(&fine).to_string(), "ok");
    let json = serde_json::to_value(show::Verdict::of(&fine)).unwrap();
    assert_eq!(json, serde_json::json!({"ok": true}));
    let layers = Layers {
        environment: vec![("WINDLASS__WORKER__POLL".into(), "1".into())],
        ..Layers::default()
    };
    let bad = layers.load();
    assert!(show::Verdict::of(&bad).to_string().contains("worker.poll"));
    let json = serde_json::to_value(show::Verdict::of(&bad)).unwrap();
    assert_eq!(json["ok"], false);
    assert_eq!(json["faults"][0]["key"], "worker.poll");
}

#[test]
fn destinations_that_a_worker_does_not_serve_are_a_warning() {
    let file =
        |queues: &str, destinations: &str| format!("[worker]\nqueues = {queues}\n\n{destinations}");
    let destination = "[destinations.databox]\ntype = \"databox\"\nurl = \"https://d.example\"\n";
    let token = [("WINDLASS__DESTINATIONS__DATABOX__TOKEN", "t0ken")];
    for (queues, fine) in [
        (r#"["mail", "*"]"#, true),
        (r#"["publish"]"#, true),
        (r#"["mail", "default"]"#, false),
    ] {
        let loaded = load(&file(queues, destination), &token).unwrap();
        assert_eq!(loaded.config.warnings().is_empty(), fine, "{queues}");
        let none = load(&file(queues, ""), &[]).unwrap();
        assert_eq!(none.config.warnings(), []);
    }
    let loaded = load(&file(r#"["mail"]"#, destination), &token).unwrap();
    let verdict = Ok(loaded);
    let verdict = show::Verdict::of(&verdict);
    let told = verdict.to_string();
    assert!(told.starts_with("ok\n\nwarning: worker.queues ("), "{told}");
    assert!(
        told.contains("w.toml line 2): name neither \"publish\" nor \"*\""),
        "{told}"
    );
    let json = serde_json::to_value(&verdict).unwrap();
    assert_eq!(
        (&json["ok"], &json["warnings"][0]["key"]),
        (&true.into(), &"worker.queues".into())
    );
}
