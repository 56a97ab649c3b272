//! Carries verdicts to the store in batches, one batch at a time while the next one gathers.

use shared::patience::{Patience, chain};
use shared::store::{Settle, Settled};
use shared::telemetry::{metrics::metrics, traces};
use std::sync::Arc;

use crate::engine::Engine;

/// Settles until the engine is closed. While the store is away the batch waits: its tokens make
/// a repetition harmless, and a lease that runs out meanwhile makes it void, not wrong.
pub(super) async fn run(engine: Arc<Engine>) {
    loop {
        let batch = tokio::select! {
            biased;
            batch = engine.outbox.next() => batch,
            () = engine.closed.cancelled() => return,
        };
        let count = batch.items.len();
        metrics().settle_size.observe(super::claim::count(count));
        let _span =
            traces::jobs::batch("settle", "settle", None, count, batch.recorded.into_iter());
        tokio::select! {
            () = settle(&engine, batch.items) => engine.outbox.settled(count),
            () = engine.closed.cancelled() => return,
        }
        engine.room.notify_one();
    }
}

/// Settles a batch, however long it takes.
async fn settle(engine: &Engine, batch: Vec<Settle>) {
    let mut patience = Patience::new("settle");
    loop {
        match engine.call(engine.store.settle(batch.clone())).await {
            Ok(verdicts) => {
                patience.succeeded();
                return tell(&batch, &verdicts);
            }
            Err(error) if error.is_transient() => tokio::time::sleep(patience.failed(&error)).await,
            // Something is wrong with one of them, which must not stop the others.
            Err(_) if batch.len() > 1 => {
                for one in batch {
                    Box::pin(settle(engine, vec![one])).await;
                }
                return;
            }
            // The store will never take this one. A new registration leaves the job to be rescued
            // under the old one, where its crash is counted.
            Err(error) => {
                for Settle { id, token, .. } in batch {
                    tracing::error!("the end of {id} cannot be kept: {}", chain(&error));
                    engine.lost.send_replace(Some(token.worker));
                }
                return;
            }
        }
    }
}

fn tell(batch: &[Settle], verdicts: &[Settled]) {
    for (settle, verdict) in batch.iter().zip(verdicts) {
        if *verdict == Settled::Fenced {
            let id = settle.id;
            metrics().fenced.inc();
            tracing::warn!(
                job.id = %id,
                "the lease of {id} was lost before its end was kept; it runs again",
            );
        }
    }
}
