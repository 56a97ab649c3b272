//! Stops in order: claim no more, hand back what was not started, let what runs finish, hand back
//! what does not, settle everything, leave.

use shared::shutdown::Shutdown;
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout_at};

use crate::{
    context::Stop,
    engine::{Engine, Verdict},
};

/// How long a handler that was asked to stop may take to reach a point where it waits.
pub(super) const UNSTOPPABLE: Duration = Duration::from_secs(1);

/// Waits for draining to begin, and carries it out. Answers when the store knows everything, or
/// when it could not be told in time; then the lease runs out and the jobs are rescued.
pub(super) async fn run(engine: &Arc<Engine>, shutdown: &Shutdown) {
    shutdown.draining().await;
    let settings = &engine.settings;
    let unstarted = engine.inbox.close();
    tracing::info!(
        "worker drains: {} running jobs may finish within {:?}, {} unstarted ones are handed back",
        engine.running.len().saturating_sub(unstarted.len()),
        settings.drain_timeout,
        unstarted.len(),
    );
    for ctx in unstarted {
        engine.finish(&ctx, Verdict::HandedBack);
    }
    let patience = Instant::now() + settings.drain_timeout;
    if timeout_at(patience, idle(engine)).await.is_err() {
        tracing::warn!(
            "{} jobs did not finish in time and are handed back",
            engine.running.len()
        );
        engine.running.stop_all(&Stop::HandedBack);
        if timeout_at(Instant::now() + UNSTOPPABLE, idle(engine))
            .await
            .is_err()
        {
            tracing::warn!("{} jobs do not stop when asked", engine.running.len());
        }
    }
    // The store gets as long again as a lease: after that nothing we could say would count.
    let last = Instant::now() + settings.lease;
    let told = timeout_at(last, async {
        while engine.outbox.unsettled() > 0 {
            engine.room.notified().await;
        }
        let registration = *engine.registration.borrow();
        if let Some(registration) = registration {
            let mut patience = shared::patience::Patience::new("leave");
            while let Err(error) = engine.call(engine.store.leave(registration.worker)).await {
                tokio::time::sleep(patience.failed(&error)).await;
            }
        }
    });
    if told.await.is_err() {
        tracing::warn!(
            "the store did not hear of everything; other workers will run the rest again"
        );
    }
    tracing::info!("worker has drained");
}

/// Completes when nothing runs.
async fn idle(engine: &Engine) {
    while !engine.running.is_empty() {
        engine.room.notified().await;
    }
}
