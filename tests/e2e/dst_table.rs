//! What clocks that change do to schedules, as the binary tells it.

use serde_json::Value;

use crate::process::Place;

/// Cron, zone, after, and what follows: local time and what the clocks did to it.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

/// Sources: the time zone database; the rule that a time in a
/// gap fires once at its end, and one in a fold the first time only.
const TABLE: &[Row] = &[
    // The clocks go forward at 02:00 on 29 March 2026.
    (
        "30 2 * * *",
        "Europe/Ljubljana",
        "2026-03-28T00:00:00Z",
        &[
            ("2026-03-28T02:30:00+01:00", "null"),
            ("2026-03-29T03:00:00+02:00", "gap"),
            ("2026-03-30T02:30:00+02:00", "null"),
        ],
    ),
    // And back at 03:00 on 25 October.
    (
        "30 2 * * *",
        "Europe/Ljubljana",
        "2026-10-24T12:00:00Z",
        &[
            ("2026-10-25T02:30:00+02:00", "first"),
            ("2026-10-26T02:30:00+01:00", "null"),
        ],
    ),
    // A rhythm lives through both hours of the fold.
    (
        "30 * * * *",
        "Europe/Ljubljana",
        "2026-10-25T00:00:00Z",
        &[
            ("2026-10-25T02:30:00+02:00", "first"),
            ("2026-10-25T02:30:00+01:00", "second"),
            ("2026-10-25T03:30:00+01:00", "null"),
        ],
    ),
    // Half an hour, on the other side of the world.
    (
        "15 2 * * *",
        "Australia/Lord_Howe",
        "2026-10-03T12:00:00Z",
        &[
            ("2026-10-04T02:30:00+11:00", "gap"),
            ("2026-10-05T02:15:00+11:00", "null"),
        ],
    ),
    // A whole day that never was.
    (
        "0 12 * * *",
        "Pacific/Apia",
        "2011-12-29T23:00:00Z",
        &[
            ("2011-12-31T00:00:00+14:00", "gap"),
            ("2011-12-31T12:00:00+14:00", "null"),
        ],
    ),
];

#[tokio::test]
async fn the_binary_previews_what_the_table_says() {
    let place = Place::new();
    for (cron, zone, from, expected) in TABLE {
        let count = expected.len().to_string();
        let args = [
            "schedule",
            "preview",
            "--cron",
            cron,
            "--timezone",
            zone,
            "--from",
            from,
            "--count",
            &count,
            "--json",
        ];
        let shown = place.run(&args).await;
        assert_eq!(shown.code, Some(0), "{shown:?}");
        let fires: Vec<Value> = serde_json::from_str(&shown.stdout).unwrap();
        let fires: Vec<(&str, &str)> = fires
            .iter()
            .map(|fire| {
                let dst = fire["dst"].as_str().unwrap_or("null");
                (fire["local"].as_str().unwrap(), dst)
            })
            .collect();
        assert_eq!(fires, *expected, "{cron} in {zone}");
    }
}

#[tokio::test]
async fn an_expression_that_never_fires_and_a_zone_that_is_none_are_refused() {
    let place = Place::new();
    for (args, says) in [
        (&["--cron", "0 0 30 2 *"][..], "--cron"),
        (
            &["--cron", "0 0 * * *", "--timezone", "Europe/Lubljana"],
            "Europe/Ljubljana",
        ),
        (&["--every", "1ms"], "--every"),
        (&["nightly"], "nightly"),
    ] {
        let args = [&["schedule", "preview"], args].concat();
        let refused = place.run(&args).await;
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.stderr.contains(says), "{says}: {}", refused.stderr);
    }
}
