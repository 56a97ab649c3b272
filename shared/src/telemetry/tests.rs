//! Telemetry as a whole: what lines look like, and what filters them.

use proptest::prelude::*;
use serde_json::{Map, Value};
use std::{
    fmt, io,
    sync::{Arc, Mutex},
};
use tracing_subscriber::{Layer as _, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use super::{
    Telemetry,
    json::{Json, MAX_TEXT},
    logs_layer, panics, subscriber,
};
use crate::{
    config::{Config, Layers, Live, LogFormat, Logs},
    shutdown::Shutdown,
};

#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines that `log` writes, without their times.
fn lines(log: impl FnOnce()) -> Vec<Value> {
    let kept = Kept::default();
    let writer = kept.clone();
    let layer = Json::new(move || writer.clone());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
    let bytes = kept.0.lock().unwrap().clone();
    let read = |line: &str| {
        let mut line: Map<String, Value> = serde_json::from_str(line).unwrap();
        let time = line.remove("timestamp").unwrap();
        assert!(
            time.as_str()
                .unwrap()
                .parse::<crate::clock::Timestamp>()
                .is_ok(),
            "{time}"
        );
        Value::Object(line)
    };
    String::from_utf8(bytes)
        .unwrap()
        .lines()
        .map(read)
        .collect()
}

#[test]
fn spans_are_flattened_into_the_line() {
    let told = lines(|| {
        let request = tracing::info_span!(target: "t", "request", trace_id = "abc", who = "outer");
        let _request = request.entered();
        let attempt =
            tracing::info_span!(target: "t", "attempt", job.id = 7, who = tracing::field::Empty);
        attempt.record("who", "inner");
        let _attempt = attempt.entered();
        tracing::warn!(target: "t", elapsed_ms = 1.5, ok = true, "failed {}", "badly");
    });
    assert_eq!(
        told,
        [serde_json::json!({
            "level": "WARN", "target": "t", "message": "failed badly", "trace_id": "abc",
            "job.id": 7, "who": "inner", "elapsed_ms": 1.5, "ok": true,
        })]
    );
}

#[test]
fn the_inner_field_stands_and_our_own_are_not_overwritten() {
    let told = lines(|| {
        let _span = tracing::info_span!(target: "t", "span", queue = "a", level = 3).entered();
        tracing::info!(target: "t", queue = "b", target = "x", timestamp = 1);
    });
    assert_eq!(
        told,
        [serde_json::json!({
            "level": "INFO", "target": "t", "message": null, "queue": "b",
            "field.level": 3, "field.target": "x", "field.timestamp": 1,
        })]
    );
}

#[test]
fn values_that_json_does_not_have_are_text() {
    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] fmt::Error);
    let told = lines(|| {
        let error: &dyn std::error::Error = &Outer(fmt::Error);
        let long = "é".repeat(MAX_TEXT);
        tracing::info!(target: "t", nan = f64::NAN, error, long, what = ?Some("a\nb"));
    });
    assert_eq!(told[0]["nan"], "NaN");
    let cause = fmt::Error.to_string();
    assert_eq!(told[0]["error"], format!("outer: {cause}"));
    assert_eq!(told[0]["what"], "Some(\"a\\nb\")");
    assert!(told[0]["long"].as_str().unwrap().len() <= MAX_TEXT + '…'.len_utf8());
}

#[test]
fn a_value_that_panics_while_it_is_logged_does_no_harm() {
    struct Bomb;
    impl fmt::Debug for Bomb {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            // What a panic hook does.
            tracing::error!(target: "t", "from within");
            panic!("boom");
        }
    }
    let told = lines(|| {
        let span = tracing::info_span!(target: "t", "span", bomb = tracing::field::Empty, a = 1);
        let _entered = span.clone().entered();
        let record = || span.record("bomb", tracing::field::debug(Bomb));
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            record();
        }));
        assert!(caught.is_err());
        tracing::info!(target: "t", "after");
    });
    let messages: Vec<_> = told.iter().map(|line| &line["message"]).collect();
    assert_eq!(messages, ["from within", "after"]);
    assert_eq!(told[0]["a"], 1);
}

proptest! {
    #[test]
    fn any_text_is_one_line(text in "(\\PC|[\\x00-\\x1f\"\\\\]){0,40}") {
        let told = lines(|| tracing::info!(target: "t", text = text.as_str(), "{text}"));
        prop_assert_eq!(told.len(), 1);
        prop_assert_eq!(&told[0]["message"], &text);
        prop_assert_eq!(&told[0]["text"], &text);
    }
}

#[test]
fn a_panic_is_logged_with_its_place_and_told_as_before() {
    static BEFORE: Mutex<usize> = Mutex::new(0);
    std::panic::set_hook(Box::new(|panic| {
        if panic.payload_as_str() == Some("boom 1") {
            *BEFORE.lock().unwrap() += 1;
        }
    }));
    panics::log_them();
    let told = lines(|| {
        let boom = || panic!("boom {}", 1);
        assert!(std::panic::catch_unwind(boom).is_err());
    });
    drop(std::panic::take_hook());
    assert_eq!(*BEFORE.lock().unwrap(), 1);
    assert_eq!(told[0]["level"], "ERROR");
    let location = told[0]["panic.location"].as_str().unwrap();
    assert!(location.contains("tests.rs:"), "{location}");
    let message = told[0]["message"].as_str().unwrap();
    assert!(
        message.ends_with(&format!("panicked at {location}: boom 1")),
        "{message}"
    );
}

#[test]
fn lines_for_people_hold_the_fields_of_their_spans() {
    let kept = Kept::default();
    let writer = kept.clone();
    let layer = super::logs::pretty(move || writer.clone(), false);
    tracing::subscriber::with_default(subscriber(vec![layer]), || {
        let _span = tracing::info_span!("attempt", job.id = 7).entered();
        tracing::info!(count = 2, "completed");
    });
    let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
    for piece in ["INFO", "completed", "count=2", "job.id=7"] {
        assert!(text.contains(piece), "{text}");
    }
    assert!(!text.contains('\u{1b}'), "{text:?}");
}

/// Whether the subscriber would take a line of this level.
fn debug_is_on() -> bool {
    tracing::enabled!(tracing::Level::DEBUG)
}

#[tokio::test(start_paused = true)]
async fn the_filter_follows_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.toml");
    std::fs::write(&path, "logs.filter = 'info'").unwrap();
    let layers = Layers {
        file: Some(path.clone()),
        ..Layers::default()
    };
    let loaded = layers.load().unwrap();
    let (layer, filter) = logs_layer(&loaded.config.logs, io::sink, false);
    let _default = subscriber(vec![layer]).set_default();
    assert!(!debug_is_on());

    let mut live = Live::new(layers, loaded);
    let shutdown = Shutdown::new();
    let follow = Telemetry { filter }.follow(live.current(), shutdown.clone());
    let change = async {
        let mut current = live.current();
        std::fs::write(&path, "logs.filter = 'debug'").unwrap();
        live.reload().unwrap();
        assert!(current.changed().await);
        while !debug_is_on() {
            tokio::task::yield_now().await;
        }
        shutdown.drain();
    };
    tokio::join!(follow, change);
}

#[test]
fn what_is_not_logged_may_be_traced() {
    let settings = Logs {
        filter: "off".parse().unwrap(),
        ..Config::default().logs
    };
    let (logs, _filter) = logs_layer(&settings, io::sink, false);
    let traces = tracing_subscriber::filter::LevelFilter::TRACE;
    let other = tracing_subscriber::layer::Identity::new()
        .with_filter(traces)
        .boxed();
    let both = subscriber(vec![logs, other]);
    tracing::subscriber::with_default(both, || assert!(debug_is_on()));
}

#[test]
fn it_is_started_once() {
    let config = Config::default();
    assert!(Telemetry::start(&config, None).is_ok());
    let error = Telemetry::start(&config, None).unwrap_err();
    assert_eq!(error.to_string(), "telemetry runs already in this process");
}

#[test]
fn logs_may_go_into_a_file() {
    let settings = Logs {
        format: LogFormat::Pretty,
        ..Config::default().logs
    };
    let file = tempfile::NamedTempFile::new().unwrap();
    let telemetry = Telemetry::start_into(&settings, file.reopen().unwrap()).unwrap();
    tracing::info!(job.id = 7, "completed job 7");
    tracing::debug!("not told");
    telemetry.set_filter(&"debug".parse().unwrap());
    tracing::debug!("told now");
    let told = std::fs::read_to_string(file.path()).unwrap();
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 2, "{told}");
    assert!(
        lines[0].contains("INFO") && lines[0].contains("completed job 7 job.id=7"),
        "{told}"
    );
    assert!(lines[1].ends_with("told now"), "{told}");
    assert!(!told.contains('\u{1b}'), "no colours: {told}");
}
