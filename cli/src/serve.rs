//! Roles: the configuration is read, the store opened, and any set of API, worker and scheduler
//! runs in this process until it is asked to stop.

mod flags;
mod roles;
mod scraped;
mod server;
mod settings;

pub(crate) use flags::{ApiArgs, SchedulerArgs, Up, WorkerArgs};
pub(crate) use roles::Roles;
pub(crate) use server::Server;
pub(crate) use settings::schedules;

use shared::{
    config::{Layers, Loaded},
    shutdown::Shutdown,
    telemetry::Telemetry,
};

use crate::{
    Result,
    exit::{Code, Failure},
};

/// Runs roles in the foreground: what `up`, `api`, `worker` and `scheduler` are.
fn run(layers: Layers, roles: Roles) -> Result {
    let loaded = layers.load()?;
    let started = Telemetry::start(&loaded.config, roles.only());
    let (telemetry, exporting) = started.map_err(anyhow::Error::from)?;
    if let Some(warning) = loaded.exposed() {
        tracing::warn!("{warning}");
    }
    let ended = run_until_stopped(layers, loaded, roles, telemetry);
    exporting.stop();
    ended
}

fn run_until_stopped(layers: Layers, loaded: Loaded, roles: Roles, telemetry: Telemetry) -> Result {
    let shutdown = Shutdown::new();
    block_on(async {
        let serve = async {
            let server = Server::open(layers, loaded, roles).await?;
            server.run(telemetry, shutdown.clone()).await
        };
        tokio::select! {
            // First, so that signals are heard before anything says that it runs.
            biased;
            Err(error) = shutdown.on_signals() => Err(Failure::from(error)),
            ended = serve => ended,
        }
    })??;
    if shutdown.is_aborted() {
        let why = "stopped before everything had ended: what ran is rescued when its lease is over";
        return Err(Failure::new(Code::Failed, why));
    }
    Ok(())
}

/// Runs a future on a runtime of its own.
///
/// # Errors
/// When the system gives no threads.
pub(crate) fn block_on<F: Future>(future: F) -> Result<F::Output> {
    let runtime = tokio::runtime::Runtime::new()?;
    let output = runtime.block_on(future);
    // A blocking call that hangs (a disk, a resolver) must not hold up the end of the process.
    runtime.shutdown_background();
    Ok(output)
}
