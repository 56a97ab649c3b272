//! Wake-up hints: what a store tells whoever listens, so that nobody has to poll often; and how stores
//! on servers say them to other processes.

use std::{borrow::Cow, time::Duration};
use tokio::sync::broadcast;

use crate::job::QueueName;

/// Hints kept for a listener that is slow; one that falls further behind is told [`Hint::Any`].
const KEPT: usize = 256;

/// What a listener says to be heard by itself and by others; no hint.
pub(super) const SIGN_OF_LIFE: &str = "present";

/// How often it says so.
pub(super) const PRESENT: Duration = Duration::from_secs(10);

/// Whoever was not heard for so long is gone; a connection on which nothing was heard for so long is
/// dead.
pub(super) const SILENCE: Duration = Duration::from_secs(35);

/// Something may have changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Hint {
    /// Jobs of this queue became available.
    Available(QueueName),
    /// A job was put off: the next one may be due earlier than thought.
    Scheduled,
    /// Somebody wants running jobs stopped: a heartbeat brings the answer.
    Cancel,
    /// Jobs ended.
    Ended,
    /// Anything: hints were lost, or another process did something.
    Any,
}

impl Hint {
    /// What is said to other processes; the functions of the Redis store say the same.
    pub(super) fn text(&self) -> Cow<'static, str> {
        match self {
            Self::Available(queue) => format!("available {queue}").into(),
            Self::Scheduled => "scheduled".into(),
            Self::Cancel => "cancel".into(),
            Self::Ended => "ended".into(),
            Self::Any => "any".into(),
        }
    }

    /// The hint in what another process said; none in a sign of life. What cannot be read is
    /// [`Hint::Any`].
    pub(super) fn read(text: &str) -> Option<Self> {
        Some(match text {
            SIGN_OF_LIFE => return None,
            "scheduled" => Self::Scheduled,
            "cancel" => Self::Cancel,
            "ended" => Self::Ended,
            text => text
                .strip_prefix("available ")
                .and_then(|queue| QueueName::new(queue).ok())
                .map_or(Self::Any, Self::Available),
        })
    }
}

/// The store's end: gives hints out.
#[derive(Debug, Clone)]
pub struct Hints(broadcast::Sender<Hint>);

impl Default for Hints {
    fn default() -> Self {
        Self(broadcast::Sender::new(KEPT))
    }
}

impl Hints {
    /// Gives a hint to whoever listens. Never waits; nobody listening is fine.
    pub fn give(&self, hint: Hint) {
        drop(self.0.send(hint));
    }

    /// Hints from now on.
    pub fn listen(&self) -> Wakeups {
        Wakeups(self.0.subscribe())
    }
}

/// The listener's end.
#[derive(Debug)]
pub struct Wakeups(broadcast::Receiver<Hint>);

impl Wakeups {
    /// The next hint. When the store is closed it waits for ever: what a caller waits for beside
    /// it (its poll, its shutdown) goes on.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub async fn next(&mut self) -> Hint {
        match self.0.recv().await {
            Ok(hint) => hint,
            Err(broadcast::error::RecvError::Lagged(_)) => Hint::Any,
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read_as_it_was_and_what_is_not_understood_is_any() {
        let available = Hint::Available(QueueName::new("mail").unwrap());
        for hint in [
            available,
            Hint::Scheduled,
            Hint::Cancel,
            Hint::Ended,
            Hint::Any,
        ] {
            assert_eq!(Hint::read(&hint.text()), Some(hint));
        }
        assert_eq!(Hint::read(SIGN_OF_LIFE), None);
        for other in ["", "available", "available a b", "something new"] {
            assert_eq!(Hint::read(other), Some(Hint::Any), "{other}");
        }
    }
}
