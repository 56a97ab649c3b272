//! Stopping: two phases, one signal each, and the tasks that stopping waits for.
//!
//! The first signal (SIGTERM, Ctrl-C) **drains**: nothing new is started, what runs may finish.
//! The second one **aborts**: everything stops at once; leases and transactions keep it safe.

use std::{future::Future, time::Duration};
use tokio::task::JoinHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Tells every part of the process how far stopping has come.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    drain: CancellationToken,
    abort: CancellationToken,
}

impl Shutdown {
    /// A shutdown that nobody has asked for yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks everything to finish what it has begun.
    pub fn drain(&self) {
        self.drain.cancel();
    }

    /// Stops everything at once.
    pub fn abort(&self) {
        self.drain.cancel();
        self.abort.cancel();
    }

    /// Whether draining has begun.
    pub fn is_draining(&self) -> bool {
        self.drain.is_cancelled()
    }

    /// Whether everything is to stop at once.
    pub fn is_aborted(&self) -> bool {
        self.abort.is_cancelled()
    }

    /// Completes when draining begins.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn draining(&self) {
        self.drain.cancelled().await;
    }

    /// Completes when everything is to stop at once.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn aborted(&self) {
        self.abort.cancelled().await;
    }

    /// Waits for `length`, or until draining begins; answers whether the whole length went by.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn sleep(&self, length: Duration) -> bool {
        tokio::time::timeout(length, self.draining()).await.is_err()
    }

    /// Drains on the first SIGTERM or SIGINT and aborts on the second. Never completes.
    ///
    /// # Errors
    /// When the process may not listen for signals.
    pub async fn on_signals(&self) -> std::io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut term = signal(SignalKind::terminate())?;
        let mut int = signal(SignalKind::interrupt())?;
        loop {
            let name = tokio::select! {
                _ = term.recv() => "SIGTERM",
                _ = int.recv() => "SIGINT",
            };
            if self.is_draining() {
                tracing::warn!("second {name}: stopping at once");
                self.abort();
            } else {
                tracing::info!("{name}: draining; a second signal stops at once");
                self.drain();
            }
        }
    }
}

/// The tasks of one part: whoever stops the part waits for them.
#[derive(Debug, Clone, Default)]
pub struct Tasks(TaskTracker);

impl Tasks {
    /// No tasks yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a task.
    #[expect(clippy::disallowed_methods, reason = "this is what others use instead")]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        tokio::spawn(self.0.track_future(future))
    }

    /// How many run.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none runs.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Waits until all have ended. Tasks may still be started meanwhile, and are waited for.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn finished(&self) {
        self.0.close();
        self.0.wait().await;
    }
}
