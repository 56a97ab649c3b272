//! When something recurs: the keys that schedules and pipelines share, read into the timing that
//! the scheduler goes by.

use chrono_tz::{TZ_VARIANTS, Tz};

use super::{
    read::{FromText, Reader},
    suggest,
};
use crate::schedule::{Misfire, Overlap, RawTiming, Timing};

const KEYS: [&str; 7] = [
    "cron",
    "every",
    "timezone",
    "jitter",
    "misfire",
    "misfire_window",
    "overlap",
];

const MISFIRE: [(&str, Misfire); 3] = [
    ("skip", Misfire::Skip),
    ("once", Misfire::Once),
    ("all", Misfire::All),
];

const OVERLAP: [(&str, Overlap); 4] = [
    ("allow", Overlap::Allow),
    ("skip", Overlap::Skip),
    ("queue", Overlap::Queue),
    ("cancel", Overlap::Cancel),
];

/// Reads the keys of a timing; `None` when nothing is said about time, or something of it is
/// wrong. `overlap` is what holds unless it is said.
pub(super) fn read(from: &Reader<'_>, overlap: Overlap) -> Option<Timing> {
    let raw = RawTiming {
        cron: from.optional("cron"),
        every: from.optional("every"),
        timezone: from
            .optional::<Tz>("timezone")
            .map(|zone| zone.name().to_owned()),
        jitter: from.optional("jitter"),
        misfire: from.choice("misfire", &MISFIRE),
        misfire_window: from.optional("misfire_window"),
        overlap: from.choice("overlap", &OVERLAP),
    };
    // What could not be read was blamed, and would be missed a second time.
    if !KEYS.into_iter().any(|key| from.has(key)) || !from.fine(&KEYS) {
        return None;
    }
    match raw.check() {
        Ok(timing) => timing.map(|timing| Timing {
            overlap: raw.overlap.unwrap_or(overlap),
            ..timing
        }),
        Err(faults) => {
            for fault in faults {
                from.blame(fault.field, fault.why);
            }
            None
        }
    }
}

/// As [`read`], of something that must say when it runs.
pub(super) fn require(from: &Reader<'_>, overlap: Overlap) -> Option<Timing> {
    if !KEYS.into_iter().any(|key| from.has(key)) {
        from.blame("cron", "is missing; cron or every says when it runs");
    }
    read(from, overlap)
}

impl FromText for Tz {
    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| {
            let meant = suggest::nearest(text, TZ_VARIANTS.iter().map(|zone| zone.name()));
            match meant {
                Some(meant) => format!("{text:?} is no time zone; did you mean \"{meant}\"?"),
                None => format!("{text:?} is no time zone, such as \"Europe/Ljubljana\""),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_known_by_their_names() {
        assert_eq!(Tz::from_text("Europe/Ljubljana"), Ok(Tz::Europe__Ljubljana));
        let refused = |text| Tz::from_text(text).unwrap_err();
        assert!(refused("europe/ljubljana").contains("\"Europe/Ljubljana\"?"));
        assert!(refused("Europe/Ljubjana").contains("\"Europe/Ljubljana\"?"));
        assert!(refused("here").contains("such as"), "{}", refused("here"));
    }
}
