//! Time zones: which instant a wall-clock time means, and when the clocks change.

use chrono::{LocalResult, NaiveDateTime, Offset, TimeZone};
use chrono_tz::{GapInfo, TZ_VARIANTS, Tz};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, time::Duration};

use super::next::Dst;
use crate::{clock::Timestamp, job::Invalid};

/// How far apart two instants are looked at when a change of the clocks is searched. No zone has
/// changed its clocks twice within a day since 1970.
const STRIDE: Duration = Duration::from_hours(24);

/// A time zone of the IANA database, as it is built into the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone(Tz);

impl Zone {
    /// # Errors
    /// `Invalid` when there is no such zone; it suggests the one that may be meant.
    pub fn new(name: &str) -> Result<Self, Invalid> {
        name.parse().map(Self).map_err(|_| {
            let hint = TZ_VARIANTS
                .iter()
                .map(|zone| zone.name())
                .find(|known| is_meant(known, name))
                .map_or_else(
                    || "such as \"Europe/Ljubljana\" or \"UTC\"".to_owned(),
                    |known| format!("did you mean {known:?}?"),
                );
            let start = name.get(..name.floor_char_boundary(64)).unwrap_or_default();
            Invalid::new(
                "timezone",
                format!("{start:?} is no IANA time zone; {hint}"),
            )
        })
    }

    /// What the clocks on the wall show at `at`.
    pub fn wall(self, at: Timestamp) -> NaiveDateTime {
        at.to_chrono().with_timezone(&self.0).naive_local()
    }

    /// `at` in RFC 3339 with this zone's offset, to the second.
    pub fn rfc3339(self, at: Timestamp) -> String {
        let local = at.to_chrono().with_timezone(&self.0);
        local.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    }

    /// The first instant at which the clocks show at least `wall`: in a gap the instant at which
    /// it ends, in a fold the first of the two. It never falls as `wall` grows.
    pub(super) fn instant(self, wall: NaiveDateTime) -> Timestamp {
        let offset = match self.0.from_local_datetime(&wall) {
            LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => {
                return Timestamp::from_chrono(&time);
            }
            LocalResult::None => GapInfo::new(&wall, &self.0).and_then(|gap| gap.begin),
        };
        // The gap begins where the old offset ends: at the same instant at which it ends.
        let (begin, offset) =
            offset.map_or((wall, 0), |(begin, o)| (begin, o.fix().local_minus_utc()));
        from_wall(begin, offset)
    }

    /// Whether the clocks show the time of `at` twice, and which of the two `at` is.
    pub(super) fn fold(self, at: Timestamp) -> Option<Dst> {
        match self.0.from_local_datetime(&self.wall(at)) {
            LocalResult::Ambiguous(_, second) if Timestamp::from_chrono(&second) <= at => {
                Some(Dst::Second)
            }
            LocalResult::Ambiguous(..) => Some(Dst::First),
            LocalResult::Single(_) | LocalResult::None => None,
        }
    }

    /// How many seconds the clocks are ahead of UTC at `at`.
    pub(super) fn offset(self, at: Timestamp) -> i32 {
        let utc = at.to_chrono().naive_utc();
        self.0
            .offset_from_utc_datetime(&utc)
            .fix()
            .local_minus_utc()
    }

    /// The first instant after `from`, up to `until`, at which the offset is another than
    /// `offset`, the one at `from`.
    pub(super) fn change(
        self,
        from: Timestamp,
        offset: i32,
        until: Timestamp,
    ) -> Option<Timestamp> {
        let mut same = from;
        while same < until {
            let probe = until.min(same + STRIDE);
            if self.offset(probe) != offset {
                return Some(self.bisect(same, offset, probe));
            }
            same = probe;
        }
        None
    }

    /// The change between `same`, where `offset` holds, and `other`, where it does not. Clocks
    /// change at whole seconds.
    fn bisect(self, same: Timestamp, offset: i32, other: Timestamp) -> Timestamp {
        let (mut same, mut other) = (same.as_secs(), other.as_secs());
        while other - same > 1 {
            let middle = i64::midpoint(same, other);
            if self.offset(from_secs(middle)) == offset {
                same = middle;
            } else {
                other = middle;
            }
        }
        from_secs(other)
    }
}

/// The instant at which clocks that are `offset` seconds ahead of UTC show `wall`.
pub(super) fn from_wall(wall: NaiveDateTime, offset: i32) -> Timestamp {
    let micros = wall.and_utc().timestamp_micros();
    Timestamp::from_micros(micros - i64::from(offset) * 1_000_000)
}

fn from_secs(secs: i64) -> Timestamp {
    Timestamp::from_micros(secs.saturating_mul(1_000_000))
}

/// Whether somebody who wrote `text` may mean the zone `known`: other case, or the city alone.
fn is_meant(known: &str, text: &str) -> bool {
    let city = known.rsplit('/').next().unwrap_or(known);
    known.eq_ignore_ascii_case(text) || city.eq_ignore_ascii_case(text)
}

impl FromStr for Zone {
    type Err = Invalid;

    fn from_str(name: &str) -> Result<Self, Invalid> {
        Self::new(name)
    }
}

impl TryFrom<String> for Zone {
    type Error = Invalid;

    fn try_from(name: String) -> Result<Self, Invalid> {
        Self::new(&name)
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.0.name().to_owned()
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    #[test]
    fn an_unknown_zone_is_refused_with_what_may_be_meant() {
        for (text, hint) in [
            ("ljubljana", "did you mean \"Europe/Ljubljana\"?"),
            ("europe/ljubljana", "did you mean \"Europe/Ljubljana\"?"),
            ("Mars/Olympus", "such as"),
            ("", "such as"),
            (&"ü".repeat(1000), "such as"),
        ] {
            let refused = Zone::new(text).unwrap_err();
            assert!(refused.why.contains(hint), "{refused}");
            assert!(refused.why.len() < 250);
        }
        assert_eq!(Zone::default(), Zone::new("UTC").unwrap());
    }

    #[test]
    fn the_instant_of_a_wall_time_never_falls_and_is_the_first_that_shows_it() {
        for name in [
            "Europe/Ljubljana",
            "Australia/Lord_Howe",
            "Africa/Casablanca",
        ] {
            let zone = Zone::new(name).unwrap();
            let mut wall: NaiveDateTime = "2026-01-01T00:00:00".parse().unwrap();
            let mut last = zone.instant(wall);
            for _ in 0..(366 * 96) {
                wall += TimeDelta::minutes(15);
                let at = zone.instant(wall);
                assert!(at >= last, "{name} {wall}");
                assert!(zone.wall(at) >= wall, "{name} {wall}");
                assert!(zone.wall(at - Duration::from_micros(1)) < wall);
                last = at;
            }
        }
    }

    #[test]
    fn a_change_of_the_clocks_is_found_to_the_second() {
        let zone = Zone::new("Europe/Ljubljana").unwrap();
        let winter: Timestamp = "2026-01-01T00:00:00.5Z".parse().unwrap();
        let offset = zone.offset(winter);
        let spring = "2026-03-29T01:00:00Z".parse().unwrap();
        let autumn: Timestamp = "2026-10-25T01:00:00Z".parse().unwrap();
        assert_eq!(zone.change(winter, offset, autumn), Some(spring));
        assert_eq!(zone.change(winter, offset, spring), Some(spring));
        let before = spring - Duration::from_micros(1);
        assert_eq!(zone.change(winter, offset, before), None);
        assert_eq!(zone.change(spring, 7200, Timestamp::MAX), Some(autumn));
        assert_eq!(zone.change(spring, 7200, spring), None);
    }
}
