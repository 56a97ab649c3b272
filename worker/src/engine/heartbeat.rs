//! Keeps the lease, carries progress to the store and stops back; fences this process off when
//! the lease is in doubt. See the engine's doc for the rule.

use shared::{
    lease::{WorkerId, WorkerInfo},
    patience::Patience,
    store::{Error, HeartbeatParams, Progress},
};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

use crate::engine::{Engine, Registration};

/// Progress is carried at most this often.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);

/// Requests to stop are looked for at most this often when hints come thick.
const CANCELS_EVERY: Duration = Duration::from_millis(20);

/// Registers, and keeps the registration until the engine is closed; registers anew when it is
/// lost.
pub(super) async fn run(engine: Arc<Engine>) {
    let keep = async {
        loop {
            let (registration, sent) = register(&engine).await;
            engine.inbox.set_shut(false);
            engine.registration.send_replace(Some(registration));
            keep(&engine, registration.worker, sent).await;
            engine.registration.send_replace(None);
            engine.abandon();
        }
    };
    tokio::select! {
        () = keep => {}
        () = engine.closed.cancelled() => {}
    }
}

/// Registers, however long it takes. The lease is trusted from when the request was sent.
async fn register(engine: &Engine) -> (Registration, Instant) {
    let settings = &engine.settings;
    let info = WorkerInfo {
        name: settings.name.clone(),
        host: settings.host.clone(),
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        queues: settings.queues.first.clone(),
        concurrency: u32::try_from(settings.concurrency).unwrap_or(u32::MAX),
    };
    let mut patience = Patience::new("register the worker");
    loop {
        let sent = Instant::now();
        match engine
            .call(engine.store.register(info.clone(), settings.lease))
            .await
        {
            // An answer that took longer than it may be trusted is as good as none.
            Ok(worker) if sent.elapsed() < settings.lease / 2 => {
                patience.succeeded();
                tracing::info!(worker.id = worker.0, "worker {worker} is registered");
                return (Registration { worker }, sent);
            }
            Ok(worker) => tracing::warn!("registering took too long, leaving worker {worker}"),
            Err(error) => tokio::time::sleep(patience.failed(&error)).await,
        }
    }
}

/// Renews the lease until it is lost.
async fn keep(engine: &Engine, worker: WorkerId, mut trusted: Instant) {
    let settings = &engine.settings;
    let mut next = trusted + settings.heartbeat;
    let mut looked = Instant::now();
    let mut failing = false;
    let mut lost = engine.lost.subscribe();
    loop {
        tokio::select! {
            () = tokio::time::sleep_until(next) => {}
            () = engine.dirty.arrived() => {
                let earliest = trusted + PROGRESS_EVERY;
                next = next.min(earliest);
                continue;
            }
            () = engine.cancels.notified() => {
                if engine.running.is_empty() {
                    continue;
                }
                tokio::time::sleep_until(looked + CANCELS_EVERY).await;
                looked = Instant::now();
                // A failure is left to the next heartbeat, which answers the same.
                if let Ok(Ok(cancels)) =
                    timeout(settings.heartbeat, engine.store.cancels(worker)).await
                {
                    engine.running.cancel(cancels);
                }
                continue;
            }
            () = is_lost(&mut lost, worker) => {
                tracing::warn!("the lease of worker {worker} is lost: registering anew");
                return;
            }
        }
        let sent = Instant::now();
        match timeout(settings.heartbeat, beat(engine, worker)).await {
            Ok(Ok(())) => {
                (trusted, failing) = (sent, false);
                next = sent + settings.heartbeat;
                engine.inbox.set_shut(false);
                continue;
            }
            Ok(Err(Error::LeaseLost { .. })) => {
                tracing::warn!("the lease of worker {worker} is lost: registering anew");
                return;
            }
            outcome => {
                if !failing {
                    let why = outcome.map_or_else(|_| "no answer".to_owned(), describe);
                    tracing::warn!("cannot renew the lease of worker {worker}: {why}");
                }
                failing = true;
                let soon = settings.heartbeat.min(Duration::from_secs(1));
                next = Instant::now() + soon.mul_f64(0.5 + rand::random::<f64>() / 2.0);
            }
        }
        let silent = trusted.elapsed();
        if silent >= settings.lease {
            tracing::warn!(
                "worker {worker} was not heard of for its whole lease: stopping its jobs"
            );
            return;
        }
        if silent >= settings.lease / 2 {
            engine.inbox.set_shut(true);
        }
        next = next.min(trusted + settings.lease);
    }
}

/// Completes when the store has said that this worker's lease is gone.
async fn is_lost(lost: &mut watch::Receiver<Option<WorkerId>>, worker: WorkerId) {
    drop(lost.wait_for(|lost| *lost == Some(worker)).await);
}

fn describe(result: shared::store::Result<()>) -> String {
    result
        .err()
        .map(|error| shared::patience::chain(&error))
        .unwrap_or_default()
}

/// One heartbeat: progress out, stops in. Progress that it did not carry goes with the next.
async fn beat(engine: &Engine, worker: WorkerId) -> shared::store::Result<()> {
    let mut reporting = engine.dirty.take();
    reporting.retain(|ctx| ctx.job().token.worker == worker);
    let progress: Vec<Progress> = reporting
        .iter()
        .filter_map(|ctx| {
            let (id, token) = (ctx.id(), ctx.job().token);
            ctx.take_progress()
                .map(|value| Progress { id, token, value })
        })
        .collect();
    let params = HeartbeatParams {
        worker,
        lease: engine.settings.lease,
        progress,
    };
    match engine.store.heartbeat(params).await {
        Ok(beat) => {
            engine.running.cancel(beat.cancel);
            Ok(())
        }
        Err(error) => {
            reporting.iter().for_each(crate::Context::untake_progress);
            Err(error)
        }
    }
}
