//! When a schedule fires, and what happens when that is not possible: as it is written in
//! configuration ([`RawTiming`]), and checked ([`Timing`]).

use serde::{Deserialize, Serialize};
use std::{ops::RangeInclusive, time::Duration};

use super::{cron::Cron, zone::Zone};
use crate::{config::human::format_duration, job::Invalid};

/// Shortest and longest interval.
pub const EVERY: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(8784);

/// Longest jitter.
pub const MAX_JITTER: Duration = Duration::from_hours(24);

/// Longest misfire window: jobs are not put off into a past farther away than that.
pub const MAX_WINDOW: Duration = Duration::from_hours(8760);

/// Ticks that came due while no scheduler ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Misfire {
    /// None of them fires.
    Skip,
    /// The latest of them fires.
    #[default]
    Once,
    /// All of them within the misfire window fire, the newest thousand at most.
    All,
}

/// A tick comes due while the job of the tick before it has not ended (it waits, runs or will be
/// retried).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// It fires.
    #[default]
    Allow,
    /// It is left out.
    Skip,
    /// It is held until that job has ended; held ticks fire one by one, in order.
    Queue,
    /// That job is cancelled, and it fires.
    Cancel,
}

/// A checked interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Every(Duration);

impl Every {
    /// # Errors
    /// `Invalid` when it is outside [`EVERY`] or not whole milliseconds.
    pub fn new(length: Duration) -> Result<Self, Invalid> {
        let whole = length.subsec_nanos().is_multiple_of(1_000_000);
        if EVERY.contains(&length) && whole {
            return Ok(Self(length));
        }
        let why = format!(
            "{length:?} is not between {} and {} in whole milliseconds",
            format_duration(*EVERY.start()),
            format_duration(*EVERY.end())
        );
        Err(Invalid::new("every", why))
    }

    /// Its length.
    pub fn get(self) -> Duration {
        self.0
    }
}

/// The instants at which a schedule fires; see [`super::next`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// At the wall-clock times that fit an expression.
    Cron {
        /// The expression.
        cron: Cron,
        /// Where the wall clock hangs.
        zone: Zone,
    },
    /// At multiples of an interval of elapsed time.
    Every(Every),
}

/// When a schedule fires, and what happens when that is not possible. Its text is that of
/// [`RawTiming`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawTiming", into = "RawTiming")]
pub struct Timing {
    /// At which instants.
    pub when: When,
    /// The job of a tick is put off by up to so much.
    pub jitter: Duration,
    /// Ticks that came due while no scheduler ran.
    pub misfire: Misfire,
    /// How far [`Misfire::All`] goes back.
    pub misfire_window: Duration,
    /// Ticks that come due while the job of the tick before has not ended.
    pub overlap: Overlap,
}

impl Timing {
    /// A timing with everything but the instants as by default.
    pub fn new(when: When) -> Self {
        Self {
            when,
            jitter: Duration::ZERO,
            misfire: Misfire::default(),
            misfire_window: Duration::from_hours(24),
            overlap: Overlap::default(),
        }
    }
}

/// A timing as people write it, unchecked. Made to be flattened into a section of the
/// configuration, so that `cron`, `timezone` and the others stand beside the section's own keys.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawTiming {
    /// A cron expression; see [`Cron`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// An interval instead.
    #[serde(with = "length", skip_serializing_if = "Option::is_none")]
    pub every: Option<Duration>,
    /// An IANA time zone for the expression; UTC unless given. Intervals do not look at it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// See [`Timing::jitter`]; nothing unless given.
    #[serde(with = "length", skip_serializing_if = "Option::is_none")]
    pub jitter: Option<Duration>,
    /// See [`Misfire`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub misfire: Option<Misfire>,
    /// See [`Timing::misfire_window`]; one day unless given.
    #[serde(with = "length", skip_serializing_if = "Option::is_none")]
    pub misfire_window: Option<Duration>,
    /// See [`Overlap`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlap: Option<Overlap>,
}

impl RawTiming {
    /// The timing, or `None` when nothing is written at all: what needs no timing has none.
    ///
    /// # Errors
    /// Every fault, each with the key it belongs to.
    pub fn check(&self) -> Result<Option<Timing>, Vec<Invalid>> {
        if *self == Self::default() {
            return Ok(None);
        }
        let mut faults = Vec::new();
        let mut zone = Zone::default();
        if let Some(name) = &self.timezone {
            zone = Zone::new(name).unwrap_or_else(|fault| note(&mut faults, fault));
        }
        let when = match (&self.cron, self.every) {
            (Some(text), None) => Cron::new(text).map(|cron| When::Cron { cron, zone }),
            (None, Some(length)) => Every::new(length).map(When::Every),
            (Some(_), Some(_)) => Err(Invalid::new("every", "stands beside cron; keep one")),
            (None, None) => Err(Invalid::new(
                "cron",
                "is missing; cron or every says when it runs",
            )),
        };
        for (key, length, most) in [
            ("jitter", self.jitter, MAX_JITTER),
            ("misfire_window", self.misfire_window, MAX_WINDOW),
        ] {
            if length.is_some_and(|length| length > most) {
                let why = format!("is longer than {}", format_duration(most));
                faults.push(Invalid::new(key, why));
            }
        }
        if let (Some(every), Some(jitter)) = (self.every, self.jitter)
            && jitter >= every
        {
            let why = "is not shorter than every: ticks would overtake each other";
            faults.push(Invalid::new("jitter", why));
        }
        match when {
            Ok(when) if faults.is_empty() => Ok(Some(self.with(when))),
            Ok(_) => Err(faults),
            Err(fault) => {
                faults.push(fault);
                Err(faults)
            }
        }
    }

    fn with(&self, when: When) -> Timing {
        let default = Timing::new(when);
        Timing {
            jitter: self.jitter.unwrap_or(default.jitter),
            misfire: self.misfire.unwrap_or(default.misfire),
            misfire_window: self.misfire_window.unwrap_or(default.misfire_window),
            overlap: self.overlap.unwrap_or(default.overlap),
            when: default.when,
        }
    }
}

/// Keeps a fault and goes on with a default, so that the other faults are found too.
fn note<T: Default>(faults: &mut Vec<Invalid>, fault: Invalid) -> T {
    faults.push(fault);
    T::default()
}

impl TryFrom<RawTiming> for Timing {
    type Error = Invalid;

    fn try_from(raw: RawTiming) -> Result<Self, Invalid> {
        let missing = || Invalid::new("cron", "is missing, and so is every");
        match raw.check() {
            Ok(timing) => timing.ok_or_else(missing),
            Err(faults) => Err(faults.into_iter().next().unwrap_or_else(missing)),
        }
    }
}

impl From<Timing> for RawTiming {
    fn from(timing: Timing) -> Self {
        let (cron, timezone, every) = match timing.when {
            When::Cron { cron, zone } => (Some(cron.into()), Some(zone.into()), None),
            When::Every(every) => (None, None, Some(every.get())),
        };
        Self {
            cron,
            every,
            timezone,
            jitter: Some(timing.jitter),
            misfire: Some(timing.misfire),
            misfire_window: Some(timing.misfire_window),
            overlap: Some(timing.overlap),
        }
    }
}

/// Lengths of time that may be missing, as people write them.
pub(super) mod length {
    use crate::config::human::duration;
    use serde::{Deserialize, Deserializer, Serializer};
    use std::time::Duration;

    #[derive(Deserialize)]
    struct Human(#[serde(with = "duration")] Duration);

    pub(in crate::schedule) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        Option::<Human>::deserialize(from).map(|human| human.map(|Human(length)| length))
    }

    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub(in crate::schedule) fn serialize<S: Serializer>(
        length: &Option<Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match length {
            Some(length) => duration::serialize(length, to),
            None => to.serialize_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> RawTiming {
        serde_json::from_str(text).expect(text)
    }

    #[test]
    fn a_timing_is_read_and_written_back_the_same() {
        for text in [
            r#"{"cron":"30 2 * * *","timezone":"Europe/Ljubljana","jitter":"30s"}"#,
            r#"{"every":"15m","misfire":"all","misfire_window":"2d","overlap":"queue"}"#,
        ] {
            let timing: Timing = serde_json::from_str(text).expect(text);
            let written = serde_json::to_string(&timing).unwrap();
            assert_eq!(serde_json::from_str::<Timing>(&written).unwrap(), timing);
        }
        let plain = raw(r#"{"cron":"@daily"}"#).check().unwrap().unwrap();
        let cron = Cron::new("@daily").unwrap();
        let zone = Zone::default();
        assert_eq!(plain, Timing::new(When::Cron { cron, zone }));
    }

    #[test]
    fn nothing_written_is_no_timing_and_every_fault_is_told() {
        assert_eq!(RawTiming::default().check(), Ok(None));
        let wrong = r#"{"cron":"61 * * * *","timezone":"Nowhere","jitter":"2d",
            "misfire_window":"500d"}"#;
        let faults = raw(wrong).check().unwrap_err();
        let fields: Vec<&str> = faults.iter().map(|fault| fault.field).collect();
        assert_eq!(fields, ["timezone", "jitter", "misfire_window", "cron"]);
        for (text, why) in [
            (r#"{"timezone":"UTC"}"#, "cron: is missing"),
            (
                r#"{"cron":"@daily","every":"1h"}"#,
                "every: stands beside cron",
            ),
            (
                r#"{"every":"10ms"}"#,
                "every: 10ms is not between 1s and 366d",
            ),
            (r#"{"every":"367d"}"#, "is not between"),
            (r#"{"every":"1.0005s"}"#, "in whole milliseconds"),
        ] {
            let faults = raw(text).check().unwrap_err();
            assert!(faults[0].to_string().contains(why), "{faults:?}");
            assert!(serde_json::from_str::<Timing>(text).is_err());
        }
        assert!(serde_json::from_str::<Timing>("{}").is_err());
        assert!(serde_json::from_str::<RawTiming>(r#"{"crn":"@daily"}"#).is_err());
    }

    #[test]
    fn it_can_be_flattened_into_a_section_that_refuses_unknown_keys() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Section {
            kind: String,
            #[serde(flatten)]
            timing: RawTiming,
        }
        let section: Section =
            toml::from_str("kind = \"http\"\ncron = \"@daily\"\njitter = \"5s\"").unwrap();
        assert_eq!(section.kind, "http");
        assert_eq!(section.timing.cron.as_deref(), Some("@daily"));
        assert_eq!(section.timing.jitter, Some(Duration::from_secs(5)));
        let refused = toml::from_str::<Section>("kind = \"http\"\ncrn = \"@daily\"");
        assert!(refused.unwrap_err().to_string().contains("crn"));
    }
}
