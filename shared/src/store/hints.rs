//! Wake-up hints: what a store tells whoever listens, so that nobody has to poll often.

use tokio::sync::broadcast;

use crate::job::QueueName;

/// Hints kept for a listener that is slow; one that falls further behind is told [`Hint::Any`].
const KEPT: usize = 256;

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
