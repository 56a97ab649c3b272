//! Hears the store's hints and wakes the loop they concern.

use shared::store::Hint;
use std::sync::Arc;

use crate::engine::Engine;

/// Listens until the engine is closed.
pub(super) async fn run(engine: Arc<Engine>) {
    let mut wakeups = engine.store.wakeups();
    loop {
        let hint = tokio::select! {
            hint = wakeups.next() => hint,
            () = engine.closed.cancelled() => return,
        };
        match hint {
            Hint::Available(queue) => {
                engine.queues.add(&queue);
                engine.work.notify_one();
            }
            Hint::Cancel => engine.cancels.notify_one(),
            Hint::Any => {
                engine.queues_changed.notify_one();
                engine.work.notify_one();
                engine.cancels.notify_one();
            }
            Hint::Scheduled | Hint::Ended => {}
        }
    }
}
