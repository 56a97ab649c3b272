//! A request to enqueue: built and checked here, before any store sees it.

use serde::Serialize;
use std::time::Duration;

use super::{
    Args, Invalid, JobId, Kind, Priority, QueueName, Tag, TraceContext, Unique, name::MAX_TAGS,
};
use crate::{
    backoff::{self, Backoff},
    clock::Timestamp,
};

/// Shortest and longest time an attempt may be given.
pub const TIMEOUT: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_hours(168);

/// A start this long ago is taken for a mistake in units, not for "now".
pub const OLDEST_START: Duration = Duration::from_hours(8760);

/// When a job may first run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Due {
    /// At once.
    #[default]
    Now,
    /// This long after the store accepted it.
    In(Duration),
    /// At this instant of the store's clock; in the past means at once.
    At(Timestamp),
}

impl Due {
    /// Checks that it is neither so late nor so early that it must be a mistake, against the
    /// store's `now`, which matters for [`Due::At`] alone.
    ///
    /// # Errors
    /// `Invalid` when it is more than [`backoff::MAX_WAIT`] ahead or [`OLDEST_START`] ago.
    pub fn check(self, now: Timestamp) -> Result<(), Invalid> {
        match self {
            Self::In(delay) if delay > backoff::MAX_WAIT => {
                Err(Invalid::new("delay", "is longer than ten years"))
            }
            Self::At(at) if at > now + backoff::MAX_WAIT => Err(Invalid::new(
                "run_at",
                format!("{at} is more than ten years ahead"),
            )),
            Self::At(at) if at < now - OLDEST_START => {
                let why = format!("{at} is more than a year ago; is its unit right?");
                Err(Invalid::new("run_at", why))
            }
            _ => Ok(()),
        }
    }
}

/// Checks how often a job may fail.
///
/// # Errors
/// `Invalid` when it is not 1 to [`backoff::MAX_ATTEMPTS`].
pub fn check_max_attempts(max_attempts: u32) -> Result<(), Invalid> {
    if (1..=backoff::MAX_ATTEMPTS).contains(&max_attempts) {
        return Ok(());
    }
    let why = format!("is not between 1 and {}", backoff::MAX_ATTEMPTS);
    Err(Invalid::new("max_attempts", why))
}

/// Checks how long an attempt may take.
///
/// # Errors
/// `Invalid` when it is not in [`TIMEOUT`].
pub fn check_timeout(timeout: Duration) -> Result<(), Invalid> {
    if TIMEOUT.contains(&timeout) {
        return Ok(());
    }
    Err(Invalid::new("timeout", "is not between 10 ms and 7 days"))
}

/// A job that is not enqueued yet. Its fields are checked types, so it is always valid.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// Made by whoever enqueues: enqueueing it again changes nothing.
    pub id: JobId,
    /// What it does.
    pub kind: Kind,
    /// Where it waits.
    pub queue: QueueName,
    /// What it carries.
    pub args: Args,
    /// How soon within the queue.
    pub priority: Priority,
    /// When it may first run.
    pub due: Due,
    /// How often it may fail before it is discarded; 1 to [`backoff::MAX_ATTEMPTS`].
    pub max_attempts: u32,
    /// How long one attempt may take; `None`: as long as the worker's configuration says.
    pub timeout: Option<Duration>,
    /// The waits between its attempts; `None`: as the worker's configuration says.
    pub backoff: Option<Backoff>,
    /// When it is the same as another job.
    pub unique: Option<Unique>,
    /// Words to find it by.
    pub tags: Vec<Tag>,
    /// The trace it belongs to.
    pub trace: Option<TraceContext>,
}

impl NewJob {
    /// A job of `kind` with `args` as JSON, everything else as by default.
    ///
    /// # Errors
    /// `Invalid` when the kind is outside its grammar or the args have no JSON form or are too
    /// large.
    pub fn new<T: Serialize + ?Sized>(kind: &str, args: &T) -> Result<Self, Invalid> {
        Ok(Self::with(Kind::new(kind)?, Args::json(args)?))
    }

    /// A job of parts that are checked already.
    pub fn with(kind: Kind, args: Args) -> Self {
        Self {
            id: JobId::generate(),
            kind,
            queue: QueueName::default(),
            args,
            priority: Priority::default(),
            due: Due::Now,
            max_attempts: backoff::DEFAULT_MAX_ATTEMPTS,
            timeout: None,
            backoff: None,
            unique: None,
            tags: Vec::new(),
            trace: None,
        }
    }

    /// Puts it into `queue`.
    #[must_use]
    pub fn queue(mut self, queue: QueueName) -> Self {
        self.queue = queue;
        self
    }

    /// Puts it off for `delay`.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.due = Due::In(delay);
        self
    }

    /// Gives it a priority.
    #[must_use]
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Makes it unique.
    #[must_use]
    pub fn unique(mut self, unique: Unique) -> Self {
        self.unique = Some(unique);
        self
    }

    /// Adds a tag.
    #[must_use]
    pub fn tag(mut self, tag: Tag) -> Self {
        self.tags.push(tag);
        self
    }

    /// Limits its attempts.
    #[must_use]
    pub fn max_attempts(mut self, max_attempts: u32) -> Self {
        self.max_attempts = max_attempts;
        self
    }

    /// Checks the numbers that types alone do not hold, against the store's `now`.
    ///
    /// # Errors
    /// `Invalid` with the first field that is out of range.
    pub fn check(&self, now: Timestamp) -> Result<(), Invalid> {
        check_max_attempts(self.max_attempts)?;
        if let Some(timeout) = self.timeout {
            check_timeout(timeout)?;
        }
        if self.tags.len() > MAX_TAGS {
            return Err(Invalid::new("tags", format!("are more than {MAX_TAGS}")));
        }
        if let Some(backoff) = self.backoff {
            backoff.check()?;
        }
        self.due.check(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absurd_numbers_are_refused() {
        let now: Timestamp = "2026-11-21T07:00:00Z".parse().unwrap();
        let job = || NewJob::new("noop", &()).unwrap();
        assert_eq!(job().check(now), Ok(()));
        assert!(job().max_attempts(0).check(now).is_err());
        assert!(job().max_attempts(1001).check(now).is_err());
        assert!(job().delay(Duration::MAX).check(now).is_err());
        for (at, fine) in [
            ("1970-01-01T00:00:01Z", false),
            ("2026-11-20T07:00:00Z", true),
            ("2027-11-20T07:00:00Z", true),
            ("9999-12-31T00:00:00Z", false),
        ] {
            let mut late = job();
            late.due = Due::At(at.parse().unwrap());
            assert_eq!(late.check(now).is_ok(), fine, "{at}");
        }
    }
}
