//! One failed run of a job: when, where, and what went wrong.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// Longest message kept of an error, in bytes; the rest is cut and the cut is shown.
pub const MAX_MESSAGE: usize = 8 * 1024;

/// Errors kept per job: the newest. Older ones were seen twenty days ago, or say the same.
pub const MAX_KEPT: usize = 50;

/// How an attempt went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The handler returned an error.
    Failed,
    /// The handler panicked.
    Panicked,
    /// The attempt ran past its deadline.
    TimedOut,
    /// The worker died, or was cut off past its lease.
    Crashed,
    /// No handler of this worker knows the kind.
    UnknownKind,
    /// The handler said: never again.
    Refused,
    /// The attempt was stopped because somebody cancelled the job.
    Cancelled,
    /// The attempt put itself off, and said why.
    Snoozed,
}

impl ErrorKind {
    /// The word as it is written everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Panicked => "panicked",
            Self::TimedOut => "timed_out",
            Self::Crashed => "crashed",
            Self::UnknownKind => "unknown_kind",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
            Self::Snoozed => "snoozed",
        }
    }
}

/// What a worker reports about an attempt that went wrong; the store adds when and who.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// How it went wrong.
    pub kind: ErrorKind,
    /// The type of the error as the program knows it, for grouping; empty when there is none.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub error_type: Box<str>,
    /// What happened, for a person; at most [`MAX_MESSAGE`] bytes.
    pub message: Box<str>,
    /// The span of the attempt, if it was recorded: 16 hexadecimal digits. The next attempt is
    /// linked to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span_id: Option<Box<str>>,
}

impl Failure {
    /// A failure with a message, cut to [`MAX_MESSAGE`] at a character's edge.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            error_type: Box::default(),
            message: shorten(message.into(), MAX_MESSAGE),
            span_id: None,
        }
    }

    /// What every store keeps of an attempt whose worker was not heard of any more.
    pub fn crashed() -> Self {
        Self::new(
            ErrorKind::Crashed,
            "the worker died or was cut off: its lease expired",
        )
    }

    /// Names the type of the error.
    #[must_use]
    pub fn of_type(mut self, error_type: &str) -> Self {
        self.error_type = shorten(error_type.to_owned(), 256);
        self
    }
}

/// Cuts `text` to at most `limit` bytes at a character's edge, and shows the cut.
pub fn shorten(mut text: String, limit: usize) -> Box<str> {
    const CUT: &str = " … (cut)";
    if text.len() > limit {
        text.truncate(text.floor_char_boundary(limit.saturating_sub(CUT.len())));
        text.push_str(CUT);
    }
    text.into_boxed_str()
}

/// A failed attempt as it is kept with the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptError {
    /// The attempt's number, from 1. Several errors may share one: a crash or a snooze is not
    /// counted, so the next attempt has the same number.
    pub attempt: u32,
    /// When the attempt ended, by the store's clock.
    pub at: Timestamp,
    /// Which worker ran it.
    pub worker: u64,
    /// What went wrong.
    #[serde(flatten)]
    pub failure: Failure,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        let failure = Failure::new(ErrorKind::Failed, "ü".repeat(MAX_MESSAGE));
        assert!(failure.message.len() <= MAX_MESSAGE);
        assert!(failure.message.ends_with("(cut)"));
    }
}
