//! `[retry]`: how long failed jobs wait, and when they are given up.

use serde::Serialize;
use std::{collections::BTreeMap, time::Duration};

use super::{
    human::{self, optional_duration},
    read::Reader,
};
use crate::{
    backoff::{Backoff, DEFAULT_MAX_ATTEMPTS, MAX_ATTEMPTS, MAX_WAIT},
    job::Kind,
};

/// How long failed jobs wait, and when they are given up.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Retry {
    /// Ceiling of the first wait.
    #[serde(with = "human::duration")]
    pub base: Duration,
    /// What each ceiling is multiplied by; 1 to 100.
    pub factor: f64,
    /// No ceiling is higher; at least the base.
    #[serde(with = "human::duration")]
    pub cap: Duration,
    /// How often a job may fail unless it says otherwise.
    pub max_attempts: u32,
    /// What is different for some kinds.
    pub kinds: BTreeMap<Kind, KindRetry>,
}

/// What is different for one kind; what is not said is as for all.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct KindRetry {
    /// Ceiling of the first wait.
    #[serde(
        serialize_with = "optional_duration",
        skip_serializing_if = "Option::is_none"
    )]
    pub base: Option<Duration>,
    /// What each ceiling is multiplied by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
    /// No ceiling is higher.
    #[serde(
        serialize_with = "optional_duration",
        skip_serializing_if = "Option::is_none"
    )]
    pub cap: Option<Duration>,
}

impl Default for Retry {
    fn default() -> Self {
        let Backoff { base, factor, cap } = Backoff::default();
        Self {
            base,
            factor,
            cap,
            max_attempts: DEFAULT_MAX_ATTEMPTS,
            kinds: BTreeMap::new(),
        }
    }
}

impl Retry {
    /// The waits of jobs of a kind that say nothing themselves.
    pub fn backoff(&self, kind: &Kind) -> Backoff {
        let other = self.kinds.get(kind).copied().unwrap_or_default();
        Backoff {
            base: other.base.unwrap_or(self.base),
            factor: other.factor.unwrap_or(self.factor),
            cap: other.cap.unwrap_or(self.cap),
        }
    }

    /// The waits of jobs of a kind that is not named.
    pub fn backoff_of_all(&self) -> Backoff {
        let Self {
            base, factor, cap, ..
        } = *self;
        Backoff { base, factor, cap }
    }

    /// How long after its first failure a job is given up, on average.
    pub fn expected_window(&self) -> Duration {
        self.backoff_of_all().expected_window(self.max_attempts)
    }

    pub(super) fn read(from: &Reader<'_>) -> Self {
        let default = Self::default();
        Self {
            base: from.limited_or("base", default.base, WAIT),
            factor: from.limited_or("factor", default.factor, FACTOR),
            cap: from.limited_or("cap", default.cap, WAIT),
            max_attempts: from.limited_or("max_attempts", default.max_attempts, 1..=MAX_ATTEMPTS),
            kinds: from.entries("kinds", |from| {
                Some(KindRetry {
                    base: from.limited("base", WAIT),
                    factor: from.limited("factor", FACTOR),
                    cap: from.limited("cap", WAIT),
                })
            }),
        }
    }
}

/// Shortest and longest ceiling.
const WAIT: std::ops::RangeInclusive<Duration> = Duration::ZERO..=MAX_WAIT;

/// Smallest and largest factor.
const FACTOR: std::ops::RangeInclusive<f64> = 1.0..=100.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_inherits_what_it_does_not_say() {
        let kind = |name: &str| Kind::new(name).unwrap();
        let cap = Some(Duration::from_mins(1));
        let retry = Retry {
            kinds: [(
                kind("http"),
                KindRetry {
                    cap,
                    ..KindRetry::default()
                },
            )]
            .into(),
            ..Retry::default()
        };
        assert_eq!(retry.backoff(&kind("http")).cap, Duration::from_mins(1));
        assert_eq!(retry.backoff(&kind("http")).base, retry.base);
        assert_eq!(retry.backoff(&kind("other")), Backoff::default());
    }
}
