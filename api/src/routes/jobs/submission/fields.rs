//! The fields of a submitted job, each with its rule.

use serde::Deserialize;
use serde_json::value::RawValue;
use shared::{
    backoff::Backoff,
    clock::Timestamp,
    config::human::parse_duration,
    job::{
        Invalid, Tag, Unique, UniqueKey, UniquePolicy,
        name::MAX_TAGS,
        new::{Due, check_max_attempts},
    },
};
use std::time::Duration;

use crate::{
    extract::shapes::{self, AtMost, Object, Text},
    problem::{Faults, Place},
};

/// A job as it is submitted. What is left out, or null, is as by default.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct SubmitJob<'a> {
    /// What it does; a worker looks its handler up by it. The only member that must be there.
    #[serde(borrow)]
    pub(super) kind: Option<Text<'a>>,
    /// Any JSON, at most 1 MiB, kept as it is written; `{}` by default.
    #[serde(borrow, deserialize_with = "shapes::raw")]
    pub(super) args: Option<&'a RawValue>,
    /// Where it waits; `default` by default.
    #[serde(borrow)]
    pub(super) queue: Option<Text<'a>>,
    /// 0 (sooner) to 9; 5 by default.
    pub(super) priority: Option<u64>,
    /// How long it is put off: `30s`.
    #[serde(borrow)]
    pub(super) delay: Option<Text<'a>>,
    /// The earliest time it may run, instead of `delay`: RFC 3339.
    #[serde(borrow)]
    pub(super) run_at: Option<Text<'a>>,
    /// How often it may fail.
    pub(super) max_attempts: Option<u64>,
    /// How long one attempt may take: `30s`.
    #[serde(borrow)]
    pub(super) timeout: Option<Text<'a>>,
    /// The waits between its attempts.
    pub(super) backoff: Option<Object<Backoff>>,
    /// When it is the same as another job.
    #[serde(borrow)]
    pub(super) unique: Option<Object<SubmitUnique<'a>>>,
    /// Words to find it by.
    #[serde(borrow)]
    pub(super) tags: Option<AtMost<Text<'a>, MAX_TAGS>>,
    /// A version 7 UUID of the caller's own; submitting it again changes nothing.
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
}

/// A unique key as it is submitted, with either `until` or `window`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SubmitUnique<'a> {
    /// One job at a time may hold it, within its queue and kind.
    #[serde(borrow)]
    pub(super) key: Text<'a>,
    /// `started` or `finished`.
    #[serde(borrow, default)]
    pub(super) until: Option<Text<'a>>,
    /// How long it is held after the job was accepted: `1h`.
    #[serde(borrow, default)]
    pub(super) window: Option<Text<'a>>,
}

/// The fields of one job, read one by one: what is wrong is noted and read as left out.
pub(super) struct Fields<'a> {
    pub(super) place: &'a Place,
    pub(super) faults: &'a mut Faults,
}

impl Fields<'_> {
    pub(super) fn keep<T>(&mut self, value: Result<T, Invalid>) -> Option<T> {
        self.faults.keep(self.place, value)
    }

    fn fault<T>(&mut self, field: &str, why: impl Into<String>) -> Option<T> {
        self.faults.add(self.place.at(field), why);
        None
    }

    /// A text, read by `read`; `field` is its place whatever the reading calls it.
    pub(super) fn text<'t, T>(
        &mut self,
        field: &str,
        text: Option<&'t str>,
        read: impl FnOnce(&'t str) -> Result<T, Invalid>,
    ) -> Option<T> {
        read(text?).map_or_else(|invalid| self.fault(field, invalid.why), Some)
    }

    pub(super) fn length(&mut self, field: &str, text: Option<&str>) -> Option<Duration> {
        parse_duration(text?).map_or_else(|why| self.fault(field, why), Some)
    }

    pub(super) fn due(&mut self, job: &SubmitJob<'_>) -> Due {
        if job.delay.is_some() && job.run_at.is_some() {
            self.fault::<Due>("run_at", "stands beside `delay`; only one of them may");
        }
        let delay = self.length("delay", job.delay.as_deref()).map(Due::In);
        let delay = delay.filter(|due| self.keep(due.check(Timestamp::default())).is_some());
        let run_at = self.text("run_at", job.run_at.as_deref(), str::parse);
        delay.or(run_at.map(Due::At)).unwrap_or_default()
    }

    pub(super) fn max_attempts(&mut self, number: Option<u64>) -> Option<u32> {
        let number = u32::try_from(number?).unwrap_or(u32::MAX);
        self.keep(check_max_attempts(number).map(|()| number))
    }

    pub(super) fn unique(&mut self, unique: &SubmitUnique<'_>) -> Option<Unique> {
        let key = self.keep(UniqueKey::new(&*unique.key));
        let policy = match (unique.until.as_deref(), unique.window.as_deref()) {
            (Some("started"), None) => Some(UniquePolicy::UntilStarted),
            (Some("finished"), None) => Some(UniquePolicy::UntilFinished),
            (Some(other), None) => {
                let why = format!("{other:?} is neither \"started\" nor \"finished\"");
                self.fault("unique.until", why)
            }
            (None, Some(window)) => {
                let window = self.length("unique.window", Some(window));
                window.map(UniquePolicy::Window)
            }
            (None, None) | (Some(_), Some(_)) => {
                self.fault("unique", "needs either `until` or `window`")
            }
        };
        let policy = policy.filter(|policy| self.keep(policy.check()).is_some());
        self.keep(Unique::new(key?, policy?))
    }

    pub(super) fn tags(&mut self, texts: &[Text<'_>]) -> Vec<Tag> {
        let mut tags = Vec::with_capacity(texts.len());
        for (index, text) in texts.iter().enumerate() {
            match Tag::new(&**text) {
                Ok(tag) if tags.contains(&tag) => {}
                Ok(tag) => tags.push(tag),
                Err(invalid) => {
                    let place = self.place.member("tags").member(&index.to_string());
                    self.faults.add(place, invalid.why);
                }
            }
        }
        tags
    }
}
