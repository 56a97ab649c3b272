//! A handler's verdict, and what follows from it. Pure: the store only carries it out.

use bytes::Bytes;
use serde::Serialize;
use std::time::Duration;

use super::{
    Invalid,
    args::MAX_BYTES,
    attempt::{ErrorKind, Failure},
};
use crate::backoff::{Backoff, MAX_WAIT};

/// What a handler decides about its job.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Done, perhaps with a result as JSON.
    Done(Option<Bytes>),
    /// Failed; try again after the wait that the backoff gives.
    Retry(Failure),
    /// Failed; try again after this wait (a server said `Retry-After`).
    RetryAfter(Duration, Failure),
    /// Not now: run again after this wait; the attempt is not counted.
    Snooze(Duration),
    /// Not now, and here is why; the attempt is not counted.
    SnoozeBecause(Duration, Failure),
    /// Stop: the job is no longer wanted.
    Cancel(Failure),
    /// Never again: more attempts would not help. The job becomes a dead letter.
    Discard(Failure),
}

impl Outcome {
    /// Done, without a result.
    pub fn done() -> Self {
        Self::Done(None)
    }

    /// Done, with `result` as JSON.
    ///
    /// # Errors
    /// `Invalid` when it has no JSON form or is larger than [`MAX_BYTES`].
    pub fn result<T: Serialize + ?Sized>(result: &T) -> Result<Self, Invalid> {
        let bytes = serde_json::to_vec(result)
            .map_err(|error| Invalid::new("result", format!("has no JSON form: {error}")))?;
        if bytes.len() > MAX_BYTES {
            let why = format!("is {} bytes, more than {MAX_BYTES}", bytes.len());
            return Err(Invalid::new("result", why));
        }
        Ok(Self::Done(Some(bytes.into())))
    }

    /// Failed with `message`; try again.
    pub fn retry(message: impl Into<String>) -> Self {
        Self::Retry(Failure::new(ErrorKind::Failed, message))
    }

    /// Failed with `message`; try again after `wait`.
    pub fn retry_after(wait: Duration, message: impl Into<String>) -> Self {
        Self::RetryAfter(wait, Failure::new(ErrorKind::Failed, message))
    }

    /// Run again after `wait`, attempt not counted.
    pub fn snooze(wait: Duration) -> Self {
        Self::Snooze(wait)
    }

    /// Never again, because of `message`.
    pub fn discard(message: impl Into<String>) -> Self {
        Self::Discard(Failure::new(ErrorKind::Refused, message))
    }

    /// Stop the job, because of `message`.
    pub fn cancel(message: impl Into<String>) -> Self {
        Self::Cancel(Failure::new(ErrorKind::Cancelled, message))
    }
}

/// What a settle asks of the store: an [`Outcome`] with the policy applied.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// `running` → `completed`.
    Complete {
        /// Kept with the job.
        result: Option<Bytes>,
    },
    /// `running` → `retryable`, or `available` when `wait` is zero.
    Retry {
        /// From the store's now.
        wait: Duration,
        /// Kept as an attempt error.
        failure: Failure,
    },
    /// `running` → `scheduled`, or `available` when `wait` is zero; the attempt is not counted.
    Snooze {
        /// From the store's now.
        wait: Duration,
        /// Kept as an attempt error when given.
        failure: Option<Failure>,
    },
    /// `running` → `cancelled`.
    Cancel {
        /// Kept as an attempt error.
        failure: Failure,
    },
    /// `running` → `discarded`.
    Discard {
        /// Kept as an attempt error.
        failure: Failure,
    },
    /// `running` → `available`: handed back unstarted or interrupted; the attempt is not counted
    /// and the job keeps its place.
    Release,
}

impl Ending {
    /// What is kept as an attempt error, if anything is.
    pub fn failure_mut(&mut self) -> Option<&mut Failure> {
        match self {
            Self::Retry { failure, .. } | Self::Cancel { failure } | Self::Discard { failure } => {
                Some(failure)
            }
            Self::Snooze { failure, .. } => failure.as_mut(),
            Self::Complete { .. } | Self::Release => None,
        }
    }
}

/// Applies the policy: what becomes of attempt number `attempt` of `max_attempts` when its
/// handler says `outcome`, for `random` in `[0, 1)`.
pub fn conclude(
    outcome: Outcome,
    attempt: u32,
    max_attempts: u32,
    backoff: &Backoff,
    random: f64,
) -> Ending {
    let retry = |wait: Duration, failure| {
        if attempt >= max_attempts {
            Ending::Discard { failure }
        } else {
            Ending::Retry {
                wait: wait.min(MAX_WAIT),
                failure,
            }
        }
    };
    match outcome {
        Outcome::Done(result) => Ending::Complete { result },
        Outcome::Retry(failure) => retry(backoff.wait(attempt, random), failure),
        Outcome::RetryAfter(wait, failure) => retry(wait, failure),
        Outcome::Snooze(wait) => Ending::Snooze {
            wait: wait.min(MAX_WAIT),
            failure: None,
        },
        Outcome::SnoozeBecause(wait, failure) => Ending::Snooze {
            wait: wait.min(MAX_WAIT),
            failure: Some(failure),
        },
        Outcome::Cancel(failure) => Ending::Cancel { failure },
        Outcome::Discard(failure) => Ending::Discard { failure },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_attempt_is_not_followed_by_another() {
        let policy = Backoff::default();
        let second = conclude(Outcome::retry("no"), 2, 3, &policy, 0.5);
        assert!(matches!(second, Ending::Retry { wait, .. } if wait == Duration::from_secs(10)));
        let last = conclude(Outcome::retry("no"), 3, 3, &policy, 0.5);
        assert!(matches!(last, Ending::Discard { .. }));
        let after = Outcome::retry_after(Duration::from_secs(1), "no");
        assert!(matches!(
            conclude(after, 3, 3, &policy, 0.5),
            Ending::Discard { .. }
        ));
    }

    #[test]
    fn a_snooze_is_never_the_last_attempt_and_never_endless() {
        let snooze = conclude(
            Outcome::snooze(Duration::MAX),
            3,
            3,
            &Backoff::default(),
            0.5,
        );
        assert_eq!(
            snooze,
            Ending::Snooze {
                wait: MAX_WAIT,
                failure: None
            }
        );
    }
}
