//! The states of a job and the one table of legal transitions.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

use super::Invalid;

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Waits for other jobs. The word is kept for them: no job can be made to wait yet.
    Pending,
    /// Waits for its time.
    Scheduled,
    /// May be claimed now, unless its queue is paused.
    Available,
    /// A worker holds it under a lease.
    Running,
    /// Failed, and waits for its next attempt.
    Retryable,
    /// Done.
    Completed,
    /// Somebody stopped it.
    Cancelled,
    /// Given up: its attempts are exhausted, its handler said never again, or it killed its
    /// workers. A dead letter.
    Discarded,
}

impl State {
    /// Every state, in the order of a job's life.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Scheduled,
        Self::Available,
        Self::Running,
        Self::Retryable,
        Self::Completed,
        Self::Cancelled,
        Self::Discarded,
    ];

    /// The states in which a job is born.
    pub const INITIAL: [Self; 2] = [Self::Scheduled, Self::Available];

    /// The one table of legal transitions: where a job may go from here. Every store's
    /// statements are an image of it, and the conformance suite drives each arrow.
    pub const fn next(self) -> &'static [Self] {
        use State::{Available, Cancelled, Completed, Discarded, Retryable, Running, Scheduled};
        match self {
            Self::Pending => &[Available, Scheduled, Cancelled],
            // promote, run now; cancel
            Scheduled | Retryable => &[Available, Cancelled],
            // claim; cancel
            Available => &[Running, Cancelled],
            // done; retry; snooze; hand back and rescue; cancel; attempts or patience exhausted
            Running => &[
                Completed, Retryable, Scheduled, Available, Cancelled, Discarded,
            ],
            Completed | Cancelled | Discarded => &[],
        }
    }

    /// Whether a job may go from here to `to` in one step.
    pub fn may_become(self, to: Self) -> bool {
        self.next().contains(&to)
    }

    /// Whether nothing can happen to the job any more (a replay makes a new job).
    pub const fn is_terminal(self) -> bool {
        self.next().is_empty()
    }

    /// The state as it is written everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Scheduled => "scheduled",
            Self::Available => "available",
            Self::Running => "running",
            Self::Retryable => "retryable",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Discarded => "discarded",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for State {
    type Err = Invalid;

    /// Reads a state, or one of the names other job systems give it.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let alias = match text {
            "executing" | "active" => Some(Self::Running),
            "waiting" | "enqueued" => Some(Self::Available),
            "dead" | "failed" => Some(Self::Discarded),
            "delayed" => Some(Self::Scheduled),
            _ => Self::ALL.into_iter().find(|state| state.as_str() == text),
        };
        alias.ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            Invalid::new("state", format!("{text:?} is none of {known}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_reached_and_the_end_states_are_three() {
        for state in State::ALL {
            let reached = State::ALL.iter().any(|from| from.may_become(state));
            assert!(reached || State::INITIAL.contains(&state) || state == State::Pending);
        }
        let ends: Vec<State> = State::ALL.into_iter().filter(|s| s.is_terminal()).collect();
        assert_eq!(ends, [State::Completed, State::Cancelled, State::Discarded]);
    }

    #[test]
    fn aliases_of_the_field_are_understood() {
        assert_eq!("executing".parse(), Ok(State::Running));
        assert_eq!("dead".parse(), Ok(State::Discarded));
        assert!("gone".parse::<State>().is_err());
    }
}
