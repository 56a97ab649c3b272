//! Verdicts that are not settled yet, gathered into batches.

use shared::{store::Settle, telemetry::traces::Place};
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;

/// A batch this large is settled at once.
pub(crate) const FULL: usize = 256;

/// A smaller one waits this long for company, unless nothing runs that could bring any.
pub(crate) const PATIENCE: Duration = Duration::from_millis(2);

/// Verdicts that are settled together.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) items: Vec<Settle>,
    /// The attempts among them that are recorded, so that the settle can name them.
    pub(crate) recorded: Vec<Place>,
}

#[derive(Default)]
pub(crate) struct Outbox {
    waiting: Mutex<Batch>,
    /// Waiting, or taken and not kept by the store yet.
    unsettled: AtomicUsize,
    arrived: Notify,
    full: Notify,
}

impl Outbox {
    pub(crate) fn push(&self, settle: Settle, recorded: Option<&Place>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.items.push(settle);
        waiting.recorded.extend(recorded.cloned());
        let count = waiting.items.len();
        drop(waiting);
        self.unsettled.fetch_add(1, Ordering::AcqRel);
        if count == 1 {
            self.arrived.notify_one();
        } else if count == FULL {
            self.full.notify_one();
        }
    }

    /// Nothing runs any more: no company will come.
    pub(crate) fn hurry(&self) {
        self.full.notify_one();
    }

    /// The next batch: all that waits once it is full, once its patience is over, or in a hurry.
    ///
    /// # Cancel safety
    /// Nothing is taken until it completes.
    pub(crate) async fn next(&self) -> Batch {
        loop {
            self.arrived.notified().await;
            // A `full` may be left from an earlier batch; then this one is merely a little small.
            if tokio::time::timeout(PATIENCE, self.full.notified())
                .await
                .is_err()
            {
                tracing::trace!("settling a batch that is not full");
            }
            let batch =
                std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            if !batch.items.is_empty() {
                return batch;
            }
        }
    }

    /// The store has kept, or refused, so many.
    pub(crate) fn settled(&self, count: usize) {
        self.unsettled.fetch_sub(count, Ordering::AcqRel);
    }

    /// How many verdicts the store does not know yet.
    pub(crate) fn unsettled(&self) -> usize {
        self.unsettled.load(Ordering::Acquire)
    }
}
