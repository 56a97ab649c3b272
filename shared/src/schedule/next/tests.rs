//! The table of what clocks do to schedules, zone by zone, and the laws that hold in all of them.

use super::*;
use crate::schedule::RawTiming;

fn when(cron: &str, zone: &str) -> When {
    let cron = Cron::new(cron).expect(cron);
    let zone = Zone::new(zone).expect(zone);
    When::Cron { cron, zone }
}

fn every(text: &str) -> When {
    let raw = RawTiming {
        every: Some(crate::config::human::parse_duration(text).unwrap()),
        ..RawTiming::default()
    };
    raw.check().unwrap().unwrap().when
}

fn at(text: &str) -> Timestamp {
    text.parse().expect(text)
}

fn local(when: &When, after: &str, count: usize) -> Vec<String> {
    let fires = when.preview(at(after), count);
    let note = |dst: Option<Dst>| match dst {
        None => "",
        Some(Dst::Gap) => " gap",
        Some(Dst::First) => " first",
        Some(Dst::Second) => " second",
    };
    let line = |fire: &Fire| format!("{}{}", fire.local, note(fire.dst));
    fires.iter().map(line).collect()
}

struct Row {
    zone: &'static str,
    cron: &'static str,
    after: &'static str,
    fires: &'static [&'static str],
}

/// Times of day: gaps fire once at their end, folds fire the first time.
const TIMES_OF_DAY: &[Row] = &[
    Row {
        zone: "Europe/Ljubljana",
        cron: "30 2 * * *",
        after: "2026-03-28T00:00:00Z",
        fires: &[
            "2026-03-28T02:30:00+01:00",
            "2026-03-29T03:00:00+02:00 gap",
            "2026-03-30T02:30:00+02:00",
        ],
    },
    Row {
        zone: "Europe/Ljubljana",
        cron: "30 2 * * *",
        after: "2026-10-24T12:00:00Z",
        fires: &[
            "2026-10-25T02:30:00+02:00 first",
            "2026-10-26T02:30:00+01:00",
        ],
    },
    // Several times in the gap, and one at its very end, are one.
    Row {
        zone: "Europe/Ljubljana",
        cron: "*/20 2-3 * * *",
        after: "2026-03-29T00:59:59Z",
        fires: &[
            "2026-03-29T03:00:00+02:00",
            "2026-03-29T03:20:00+02:00",
            "2026-03-29T03:40:00+02:00",
            "2026-03-30T02:00:00+02:00",
        ],
    },
    Row {
        zone: "Europe/Ljubljana",
        cron: "10-50/10 2 * * *",
        after: "2026-03-28T12:00:00Z",
        fires: &["2026-03-29T03:00:00+02:00 gap", "2026-03-30T02:10:00+02:00"],
    },
    // Asked in the middle of the fold's second hour: its times have fired.
    Row {
        zone: "Europe/Ljubljana",
        cron: "*/15 2,3 * * *",
        after: "2026-10-25T01:20:00Z",
        fires: &["2026-10-25T03:00:00+01:00", "2026-10-25T03:15:00+01:00"],
    },
    Row {
        zone: "America/New_York",
        cron: "30 2 8,9 3 *",
        after: "2026-01-01T00:00:00Z",
        fires: &["2026-03-08T03:00:00-04:00 gap", "2026-03-09T02:30:00-04:00"],
    },
    Row {
        zone: "America/New_York",
        cron: "30 1 * * *",
        after: "2026-11-01T00:00:00Z",
        fires: &[
            "2026-11-01T01:30:00-04:00 first",
            "2026-11-02T01:30:00-05:00",
        ],
    },
    // Half an hour: 02:00 to 02:30, and back to 01:30.
    Row {
        zone: "Australia/Lord_Howe",
        cron: "15 2 * * *",
        after: "2026-10-03T00:00:00Z",
        fires: &["2026-10-04T02:30:00+11:00 gap", "2026-10-05T02:15:00+11:00"],
    },
    Row {
        zone: "Australia/Lord_Howe",
        cron: "45 1 * * *",
        after: "2026-04-04T00:00:00Z",
        fires: &[
            "2026-04-05T01:45:00+11:00 first",
            "2026-04-06T01:45:00+10:30",
        ],
    },
    // Midnight itself was missing; no change of the clocks since 2019.
    Row {
        zone: "America/Sao_Paulo",
        cron: "@daily",
        after: "2018-11-03T12:00:00Z",
        fires: &["2018-11-04T01:00:00-02:00 gap", "2018-11-05T00:00:00-02:00"],
    },
    Row {
        zone: "America/Sao_Paulo",
        cron: "30 23 * * *",
        after: "2018-02-17T12:00:00Z",
        fires: &[
            "2018-02-17T23:30:00-02:00 first",
            "2018-02-18T23:30:00-03:00",
        ],
    },
    Row {
        zone: "Asia/Kathmandu",
        cron: "30 2 * * *",
        after: "2026-03-28T00:00:00Z",
        fires: &["2026-03-29T02:30:00+05:45", "2026-03-30T02:30:00+05:45"],
    },
    // The thirtieth of December 2011 never was: all of it is a gap that ends at midnight.
    Row {
        zone: "Pacific/Apia",
        cron: "0 8,20 * * *",
        after: "2011-12-29T12:00:00Z",
        fires: &[
            "2011-12-29T08:00:00-10:00",
            "2011-12-29T20:00:00-10:00",
            "2011-12-31T00:00:00+14:00 gap",
            "2011-12-31T08:00:00+14:00",
        ],
    },
    // Clocks go back for Ramadan and forward again after it.
    Row {
        zone: "Africa/Casablanca",
        cron: "30 2 15,22 2,3 *",
        after: "2026-01-01T00:00:00Z",
        fires: &[
            "2026-02-15T02:30:00+01:00 first",
            "2026-02-22T02:30:00Z",
            "2026-03-15T02:30:00Z",
            "2026-03-22T03:00:00+01:00 gap",
        ],
    },
    Row {
        zone: "UTC",
        cron: "0 12 29 2 *",
        after: "2026-01-01T00:00:00Z",
        fires: &["2028-02-29T12:00:00Z", "2032-02-29T12:00:00Z"],
    },
    Row {
        zone: "Europe/Ljubljana",
        cron: "59 59 23 31 12 *",
        after: "2026-12-31T22:59:58.9Z",
        fires: &["2026-12-31T23:59:59+01:00", "2027-12-31T23:59:59+01:00"],
    },
];

/// Rhythms: every hour is let through, so both hours of a fold fire and gaps add nothing.
const RHYTHMS: &[Row] = &[
    Row {
        zone: "Europe/Ljubljana",
        cron: "*/30 * * * *",
        after: "2026-03-29T00:29:00Z",
        fires: &["2026-03-29T01:30:00+01:00", "2026-03-29T03:00:00+02:00"],
    },
    Row {
        zone: "Europe/Ljubljana",
        cron: "*/30 * * * *",
        after: "2026-10-24T23:59:59.5Z",
        fires: &[
            "2026-10-25T02:00:00+02:00 first",
            "2026-10-25T02:30:00+02:00 first",
            "2026-10-25T02:00:00+01:00 second",
            "2026-10-25T02:30:00+01:00 second",
            "2026-10-25T03:00:00+01:00",
        ],
    },
    // Asked in the fold's second hour.
    Row {
        zone: "Europe/Ljubljana",
        cron: "10 * * * *",
        after: "2026-10-25T01:05:00Z",
        fires: &[
            "2026-10-25T02:10:00+01:00 second",
            "2026-10-25T03:10:00+01:00",
        ],
    },
    Row {
        zone: "Australia/Lord_Howe",
        cron: "45 0-23 * * *",
        after: "2026-04-04T14:00:00Z",
        fires: &[
            "2026-04-05T01:45:00+11:00 first",
            "2026-04-05T01:45:00+10:30 second",
            "2026-04-05T02:45:00+10:30",
        ],
    },
    // Change of the clocks between one day of the expression and the next, years away.
    Row {
        zone: "America/New_York",
        cron: "0 0-23 29 2 *",
        after: "2028-02-29T04:59:59Z",
        fires: &["2028-02-29T00:00:00-05:00", "2028-02-29T01:00:00-05:00"],
    },
    Row {
        zone: "America/New_York",
        cron: "30 * 29 2 *",
        after: "2028-03-01T05:00:00Z",
        fires: &["2032-02-29T00:30:00-05:00"],
    },
    Row {
        zone: "America/Sao_Paulo",
        cron: "0 * 4 11 *",
        after: "2018-06-01T00:00:00Z",
        fires: &["2018-11-04T01:00:00-02:00", "2018-11-04T02:00:00-02:00"],
    },
    Row {
        zone: "Pacific/Apia",
        cron: "0 * * * *",
        after: "2011-12-30T08:00:00Z",
        fires: &["2011-12-29T23:00:00-10:00", "2011-12-31T00:00:00+14:00"],
    },
];

#[test]
fn clocks_that_change_do_to_each_schedule_what_the_table_says() {
    for row in TIMES_OF_DAY.iter().chain(RHYTHMS) {
        let when = when(row.cron, row.zone);
        let fires = local(&when, row.after, row.fires.len());
        assert_eq!(
            fires, row.fires,
            "{} in {} after {}",
            row.cron, row.zone, row.after
        );
    }
}

#[test]
fn intervals_run_on_whatever_the_clocks_do() {
    let quarter = every("15m");
    assert_eq!(
        quarter.next(at("2026-10-25T00:59:59Z")),
        Some(at("2026-10-25T01:00:00Z"))
    );
    assert_eq!(
        quarter.next(at("2026-10-25T01:00:00Z")),
        Some(at("2026-10-25T01:15:00Z"))
    );
    let odd = every("1.5s");
    assert_eq!(
        odd.next(Timestamp::default()),
        Some(at("1970-01-01T00:00:01.500Z"))
    );
    assert_eq!(odd.next(Timestamp::MIN), Some(Timestamp::default()));
    assert_eq!(odd.next(Timestamp::MAX), None);
    assert_eq!(
        local(&odd, "2026-01-01T00:00:00Z", 1),
        ["2026-01-01T00:00:01Z"]
    );
}

#[test]
fn expressions_end_with_the_year_2100_and_begin_with_1970() {
    let yearly = when("@yearly", "UTC");
    assert_eq!(
        yearly.next(Timestamp::MIN),
        Some(at("1970-01-01T00:00:00Z"))
    );
    assert_eq!(
        yearly.next(at("2099-06-01T00:00:00Z")),
        Some(at("2100-01-01T00:00:00Z"))
    );
    assert_eq!(yearly.next(at("2100-01-01T00:00:00Z")), None);
    for zone in ["Europe/Ljubljana", "UTC"] {
        for cron in ["* * * * * *", "0 2 * * *"] {
            assert_eq!(when(cron, zone).next(Timestamp::MAX), None);
            assert!(
                when(cron, zone)
                    .preview(at("2100-12-31T23:59:00Z"), 100_000)
                    .len()
                    < 100
            );
        }
    }
}

/// Every instant at which it fires within a span, found by looking at each minute of it.
fn by_looking(cron: &Cron, zone: Zone, from: Timestamp, minutes: u64) -> Vec<Timestamp> {
    let minute = |n: u64| from + Duration::from_mins(n);
    let shown = |at: Timestamp| zone.wall(at);
    let mut fires = Vec::new();
    let mut high = shown(from);
    for at in (1..=minutes).map(minute) {
        let fits = if cron.every_hour() {
            cron.fits(shown(at))
        } else {
            // Whatever the clocks show for the first time, or jumped over.
            let mut wall = high;
            let mut any = false;
            while wall < shown(at) {
                wall += TimeDelta::minutes(1);
                any |= cron.fits(wall);
            }
            high = wall;
            any
        };
        if fits {
            fires.push(at);
        }
    }
    fires
}

#[test]
fn the_next_time_is_the_one_found_by_looking_at_every_minute() {
    let zones = [
        ("Europe/Ljubljana", "2026-03-28T00:00:00Z"),
        ("Europe/Ljubljana", "2026-10-24T00:00:00Z"),
        ("Australia/Lord_Howe", "2026-04-03T00:00:00Z"),
        ("Australia/Lord_Howe", "2026-10-02T00:00:00Z"),
        ("America/Sao_Paulo", "2018-11-03T00:00:00Z"),
        ("Pacific/Apia", "2011-12-28T00:00:00Z"),
        ("Africa/Casablanca", "2026-02-14T00:00:00Z"),
        ("Africa/Casablanca", "2026-03-21T00:00:00Z"),
        ("Antarctica/Troll", "2026-03-28T00:00:00Z"),
        ("Antarctica/Troll", "2026-10-24T00:00:00Z"),
    ];
    let expressions = [
        "30 2 * * *",
        "*/7 1-3 * * *",
        "0 0 * * *",
        "15,45 0-22 * * *",
        "*/7 * * * *",
        "0 * * * *",
        "59 * */2 * *",
    ];
    for (zone, from) in zones {
        for expression in expressions {
            let when = when(expression, zone);
            let When::Cron { cron, zone } = &when else {
                unreachable!("made as one")
            };
            let looked = by_looking(cron, *zone, at(from), 3 * 24 * 60);
            let until = at(from) + Duration::from_hours(72);
            let fires = when.preview(at(from), looked.len() + 1);
            let mut fires: Vec<Timestamp> = fires.into_iter().map(|fire| fire.at).collect();
            fires.retain(|at| *at <= until);
            assert_eq!(fires, looked, "{expression} in {zone}");
            // From any instant between, the next and the latest are the neighbours.
            for step in 0..210 {
                let now = at(from) + Duration::from_secs(step * 1231);
                let next = looked.iter().copied().find(|at| *at > now);
                let found = when.next(now).filter(|at| *at <= until);
                assert_eq!(found, next, "{expression} in {zone} at {now}");
                let last = looked.iter().copied().rfind(|at| *at <= now);
                assert_eq!(
                    when.latest(at(from), now),
                    last,
                    "{expression} in {zone} at {now}"
                );
            }
        }
    }
}

#[test]
fn the_latest_time_is_found_over_any_distance() {
    let seconds = every("1s");
    let now = at("2026-11-21T07:00:00.250Z");
    assert_eq!(
        seconds.latest(Timestamp::MIN, now),
        Some(at("2026-11-21T07:00:00Z"))
    );
    assert_eq!(seconds.latest(now, now), None);
    assert_eq!(seconds.latest(Timestamp::MAX, now), None);
    let leap = when("0 12 29 2 *", "UTC");
    assert_eq!(
        leap.latest(Timestamp::MIN, now),
        Some(at("2024-02-29T12:00:00Z"))
    );
    assert_eq!(leap.latest(at("2024-02-29T12:00:00Z"), now), None);
    let exact = at("2024-02-29T12:00:00Z");
    assert_eq!(leap.latest(exact - TICK, exact), Some(exact));
    // Many in one hour of the day, none since.
    let burst = when("* * 2 * * *", "UTC");
    assert_eq!(
        burst.latest(Timestamp::MIN, now),
        Some(at("2026-11-21T02:59:59Z"))
    );
}
