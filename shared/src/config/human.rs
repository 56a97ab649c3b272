//! Lengths of time and sizes as people write them: `250ms`, `30s`, `4d`, `1h30m`; `64KiB`, `1MiB`.

use serde::{Serialize, Serializer};
use std::{
    fmt::{self, Write as _},
    str::FromStr,
    time::Duration,
};

const UNITS: [(&str, u64); 6] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("w", 604_800_000),
];

const SIZES: [(&str, u64); 7] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
];

/// Reads `30s`, `250ms`, `1h30m`, `1.5s`. A bare `0` is nothing; any other bare number is refused,
/// because its unit would be a guess.
///
/// # Errors
/// Says what would be right.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let bad =
        || format!("{text:?} is not a length of time, such as \"250ms\", \"30s\" or \"1h30m\"");
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(bad)?;
        let (number, tail) = rest.split_at_checked(end).ok_or_else(bad)?;
        let end = tail
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(end).ok_or_else(bad)?;
        let number: f64 = number.parse().map_err(|_| bad())?;
        let (_, ms) = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(bad)?;
        #[expect(clippy::cast_precision_loss, reason = "units are small whole numbers")]
        let part = Duration::try_from_secs_f64(number * *ms as f64 / 1000.0).map_err(|_| bad())?;
        total = total.checked_add(part).ok_or_else(bad)?;
        rest = tail;
    }
    if text.is_empty() {
        Err(bad())
    } else {
        Ok(total)
    }
}

/// Writes a length of time the way [`parse_duration`] reads it, to the millisecond.
pub fn format_duration(length: Duration) -> String {
    let mut ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
    if ms == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (name, unit) in UNITS.iter().rev().filter(|(name, _)| *name != "w") {
        if ms >= *unit {
            write!(text, "{}{name}", ms / unit).unwrap_or_default();
            ms %= unit;
        }
    }
    text
}

/// A length of time as one says it: `about 20 days`.
pub fn about(length: Duration) -> String {
    let seconds = length.as_secs();
    let units = [
        ("days", 86_400),
        ("hours", 3600),
        ("minutes", 60),
        ("seconds", 1),
    ];
    let told = units
        .iter()
        .map(|(name, unit)| (name, (seconds + unit / 2) / unit))
        .find(|(_, count)| *count >= 2);
    told.map_or_else(
        || "about a second".to_owned(),
        |(name, count)| format!("about {count} {name}"),
    )
}

/// Reads `64KiB`, `1MiB`, `500kB`, `1024B`.
///
/// # Errors
/// Says what would be right.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let bad = || format!("{text:?} is not a size, such as \"64KiB\" or \"1MiB\"");
    let (name, unit) = SIZES
        .iter()
        .find(|(name, _)| text.ends_with(name))
        .ok_or_else(bad)?;
    let number = text.strip_suffix(name).ok_or_else(bad)?;
    number
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(*unit))
        .ok_or_else(bad)
}

/// Writes a size the way [`parse_size`] reads it.
pub fn format_size(bytes: u64) -> String {
    let unit = SIZES
        .iter()
        .take(3)
        .rev()
        .find(|(_, unit)| bytes >= *unit && bytes.is_multiple_of(*unit));
    unit.map_or_else(
        || format!("{bytes}B"),
        |(name, unit)| format!("{}{name}", bytes / unit),
    )
}

/// A number of bytes, written and read as people do: `64KiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

impl Bytes {
    /// The number, as lengths in memory are counted.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format_size(self.0))
    }
}

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse_size(text).map(Self)
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// `#[serde(with = "human::duration")]`
pub mod duration {
    use super::{format_duration, parse_duration};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::time::Duration;

    /// Reads a text.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        parse_duration(&String::deserialize(from)?).map_err(D::Error::custom)
    }

    /// Writes a text.
    pub fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format_duration(*value))
    }
}

/// `#[serde(serialize_with = "human::optional_duration", skip_serializing_if = "Option::is_none")]`
#[expect(clippy::ref_option, reason = "serde hands it over like this")]
pub fn optional_duration<S: Serializer>(
    value: &Option<Duration>,
    to: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(length) => duration::serialize(length, to),
        None => to.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_and_written() {
        for (text, ms) in [
            ("250ms", 250),
            ("30s", 30_000),
            ("1h30m", 5_400_000),
            ("4d", 345_600_000),
            ("1.5s", 1500),
        ] {
            let length = parse_duration(text).unwrap();
            assert_eq!(length, Duration::from_millis(ms), "{text}");
            assert_eq!(parse_duration(&format_duration(length)), Ok(length));
        }
        assert_eq!(format_duration(Duration::from_secs(90)), "1m30s");
        for bad in [
            "",
            "30",
            "s",
            "1 s",
            "-1s",
            "1x",
            "9e9s",
            "99999999999999999999w",
            "1s2",
        ] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn lengths_of_time_are_said() {
        for (seconds, said) in [
            (1_728_000, "about 20 days"),
            (90_000, "about 25 hours"),
            (129_600, "about 2 days"),
            (90, "about 2 minutes"),
            (60, "about 60 seconds"),
            (0, "about a second"),
        ] {
            assert_eq!(about(Duration::from_secs(seconds)), said);
        }
    }

    #[test]
    fn sizes_are_read_and_written() {
        assert_eq!(parse_size("1MiB"), Ok(1 << 20));
        assert_eq!(parse_size("500kB"), Ok(500_000));
        assert_eq!(format_size(1 << 20), "1MiB");
        assert_eq!(format_size(1500), "1500B");
        for bad in ["", "MiB", "1", "-1B", "1.5MiB", "99999999999999999GiB"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }
}
