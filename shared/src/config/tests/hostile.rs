//! Input that nobody means well with.

use proptest::prelude::*;

use super::{faults, load, load_in, reference::examples};
use crate::config::show;

#[test]
fn values_that_are_very_long_are_not_repeated() {
    let long = "x".repeat(100_000);
    let told = faults(&format!(
        "{long} = 1\nworker.lease = '{long}'\napi.listen = '{long}'"
    ));
    assert_eq!(told.len(), 3);
    for fault in told {
        assert!(fault.len() < 600, "{} bytes", fault.len());
    }
}

#[test]
fn hostile_paths_are_refused_in_no_time() {
    let path = |path: String| {
        let source = "[sources.s]\ntype = 'http_json'\nurl = 'https://a.example/'\n";
        faults(&format!(
            "{source}metrics = [{{ key = 'a', path = '{path}' }}]"
        ))
    };
    for hostile in [
        format!("$[?{}@.a{}]", "(".repeat(200), ")".repeat(200)),
        format!("$[?{}@.a]", "!".repeat(400)),
        format!("${}", "[?@".repeat(150)),
        format!("${}1{}", "[?@[".repeat(100), "]".repeat(200)),
        "$.a".repeat(100_000),
    ] {
        assert_eq!(path(hostile.clone()).len(), 1, "{hostile:.40}");
    }
    assert_eq!(
        path("$.store.book[?(@.price < 10 && @.n)].price".to_owned()),
        [""; 0]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_damaged_file_loads_or_is_told(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..8, "[\\PC\n]{0,6}"), 1..8)
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut text: Vec<char> = examples(folder.path()).chars().collect();
        for (at, length, other) in cuts {
            let at = at.index(text.len());
            let end = (at + length).min(text.len());
            text.splice(at..end, other.chars());
        }
        let text: String = text.into_iter().collect();
        match load_in(folder.path(), &text, &[]) {
            Ok(loaded) => prop_assert!(show::render(&loaded).contains("[store]")),
            Err(told) => prop_assert!(told.starts_with("the configuration has "), "{}", told),
        }
    }

    #[test]
    fn any_value_at_any_key_is_read_or_told(
        key in prop::sample::select(KEYS),
        value in prop_oneof![
            "[-+0-9.e_]{1,12}",
            "\"[\\PC&&[^\"\\\\]]{0,20}\"",
            "(true|inf|nan|-0|[0-9]{4}-0[1-9]-0[1-9]|\\[\\]|\\{\\}|\\[\\[\\]\\])",
        ],
    ) {
        let told = load(&format!("{key} = {value}"), &[]).map(|loaded| show::render(&loaded));
        let told = told.unwrap_or_else(|told| told);
        prop_assert!(told.contains("[store]") || told.starts_with("the configuration has "));
    }
}

const KEYS: &[&str] = &[
    "store",
    "store.url",
    "api.listen",
    "api.max_body",
    "worker.queues",
    "worker.concurrency",
    "worker.lease",
    "retry.factor",
    "retry.kinds",
    "retry.kinds.x",
    "outbound.allow",
    "logs.filter",
    "logs.format",
    "schedules.s.every",
    "schedules.s.args",
    "sources.s.type",
    "sources.s.metrics",
    "destinations.d.token",
    "pipelines.p.sources",
    "pipelines.p.computed",
    "\"\"",
];
