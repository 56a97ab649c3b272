//! A demo from its start to its end.

use anyhow::Context as _;
use shared::{
    config::{Config, Flag, Layers, Loaded},
    job::JobId,
    shutdown::{Shutdown, Tasks},
    store::Store,
    telemetry::Telemetry,
};
use std::{
    future::pending,
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinHandle,
};

use super::{
    Start,
    commands::Commands,
    directory::{Directory, State},
    event::{Event, Summary, Teller},
    first::First,
    narrator::Narrator,
    ready::{Known, Place, Ready, millis},
    samples::Samples,
    switch,
};
use crate::{
    Result,
    args::flag,
    exit::{Code, Failure},
    serve::{self, Roles, Server},
};

/// When the first screen is shown at the latest: what has not happened by then is told as it
/// stands.
const FIRST_SCREEN: Duration = Duration::from_millis(4500);

/// Runs a demo until it is asked to stop.
///
/// # Errors
/// When it cannot start, or a part of it ended of itself; its directory is kept then, for the log
/// in it says why.
pub(super) fn run(start: &Start, json: bool) -> Result {
    let teller = Teller {
        began: Instant::now(),
        json,
        shutdown: Shutdown::new(),
    };
    let directory = Directory::create()?;
    let ended = serve::block_on(async {
        tokio::select! {
            // First, so that signals are heard before anything says that it runs.
            biased;
            Err(error) = signals(&teller.shutdown) => Err(Failure::from(error)),
            ended = demo(start, &directory, &teller) => ended,
        }
    })?;
    match ended {
        Ok(summary) => {
            if start.keep {
                directory.keep();
            } else {
                drop(directory);
            }
            if let Some(summary) = summary {
                teller.tell(&Event::Stopped(summary));
            }
            if teller.shutdown.is_aborted() {
                let why = "stopped at once, before everything had ended";
                return Err(Failure::new(Code::Failed, why));
            }
            Ok(())
        }
        Err(failure) if directory.is_announced() => {
            let kept = directory.keep();
            let log = kept.join("windlass.log");
            Err(failure.about(&format!("the demo broke off (log: {})", log.display())))
        }
        Err(failure) => Err(failure),
    }
}

/// Drains on the first SIGTERM, SIGINT or SIGHUP (the terminal has gone), aborts on the second of
/// the first two. Never completes.
async fn signals(shutdown: &Shutdown) -> io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    let hung_up = async {
        hangup.recv().await;
        shutdown.drain();
        pending().await
    };
    tokio::select! {
        ended = shutdown.on_signals() => ended,
        ended = hung_up => ended,
    }
}

/// Everything that runs.
struct Running {
    samples: Samples,
    config: Config,
    api: SocketAddr,
    instead_of: Option<SocketAddr>,
    store: Arc<dyn Store>,
    roles: JoinHandle<Result>,
}

/// One demo; answers what was run, if anything was.
async fn demo(start: &Start, directory: &Directory, teller: &Teller) -> Result<Option<Summary>> {
    let demo = JobId::generate().to_string();
    let secrets = directory.secrets()?;
    let key = secrets.switch.clone();
    let samples = Samples::start(demo.clone(), secrets).await?;
    let mut running = boot(start, directory, samples, &teller.shutdown).await?;
    let first = First::enqueue(&*running.store, running.samples.addresses.receiver).await?;
    directory.announce(&State {
        demo,
        pid: std::process::id(),
        api: running.api,
        receiver: running.samples.addresses.receiver,
        switch: key.expose().to_owned(),
        failing: first.failing,
    })?;
    let deadline = (teller.began + FIRST_SCREEN).into();
    let (seen, commands) = tokio::join!(
        first.wait(&*running.store, deadline, &teller.shutdown),
        commands(running.api, directory),
    );
    let seen = seen?;
    let mut narrator = Narrator::new(Arc::clone(&running.store), first, &seen);
    if !teller.shutdown.is_draining() {
        let known = Known {
            place: place(start, directory, &running),
            samples: running.samples.addresses,
            data: running.samples.origins.clone(),
            taken: running.samples.receiver.taken(),
            config: &running.config,
            commands: &commands,
        };
        teller.tell(&Event::Ready(Box::new(Ready::gather(known, &seen))));
        narrator.run(&mut running.samples.happenings, teller).await;
        narrator.look(teller).await;
        teller.tell(&Event::Stopping);
    }
    let Running { samples, roles, .. } = running;
    roles.await.context("the roles of the demo panicked")??;
    samples.stop().await;
    Ok(Some(Summary {
        ran_ms: millis(teller.after()),
        pipeline_runs: narrator.pipeline_runs,
        other_jobs: narrator.other_jobs,
        taken: samples.receiver.taken(),
        directory: directory.path().to_owned(),
        kept: start.keep,
    }))
}

/// Configures and starts the roles.
async fn boot(
    start: &Start,
    directory: &Directory,
    samples: Samples,
    shutdown: &Shutdown,
) -> Result<Running> {
    let file = directory.configure(samples.addresses, &samples.origins)?;
    let usual = Config::default().api.listen;
    let is_taken = start.listen.is_none() && std::net::TcpListener::bind(usual).is_err();
    let (layers, loaded) = configuration(start, file, is_taken.then_some(usual))?;
    let config = loaded.config.clone();
    let telemetry = Telemetry::start_into(&config.logs, directory.open_log()?);
    let telemetry = telemetry.map_err(anyhow::Error::from)?;
    let server = Server::open(layers, loaded, Roles::ALL).await?;
    let api = server.address().context("the API has no address")?;
    let store = server.store();
    let roles = Tasks::new().spawn(server.run(telemetry, shutdown.clone()));
    Ok(Running {
        samples,
        config,
        api,
        instead_of: is_taken.then_some(usual),
        store,
        roles,
    })
}

/// The demo's own file and flags: no environment, so that nothing around it changes what it shows.
fn configuration(
    start: &Start,
    file: PathBuf,
    taken: Option<SocketAddr>,
) -> Result<(Layers, Loaded)> {
    let free = taken.map(|usual| SocketAddr::new(usual.ip(), 0).to_string());
    let listen = start.listen.clone().or(free);
    let layers = Layers {
        file: Some(file),
        environment: Vec::new(),
        flags: Vec::<Flag>::from_iter(flag("api.listen", "--listen", listen)),
    };
    let loaded = layers.load()?;
    Ok((layers, loaded))
}

/// The commands to print; they name this demo when another one runs.
async fn commands(api: SocketAddr, directory: &Directory) -> Commands {
    let commands = Commands::new(api);
    match switch::another_runs(directory.path()).await {
        Ok(true) => commands.of_directory(directory.path()),
        // Not to be told: one demo is the usual case.
        Ok(false) | Err(_) => commands,
    }
}

fn place(start: &Start, directory: &Directory, running: &Running) -> Place {
    Place {
        api: format!("http://{}", running.api),
        instead_of: running.instead_of.map(|usual| usual.to_string()),
        directory: directory.path().to_owned(),
        config: directory.configuration(),
        log: directory.log(),
        kept: start.keep,
    }
}
