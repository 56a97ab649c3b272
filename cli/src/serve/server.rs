//! A process that serves: its parts, started together, stopped in order.

use anyhow::Context as _;
use api::Api;
use arc_swap::ArcSwap;
use scheduler::Scheduler;
use shared::{
    clock::Clock,
    config::{Config, Current, Layers, Live, Loaded},
    shutdown::{Shutdown, Tasks},
    store::{self, Store},
    telemetry::{Telemetry, observed::observed},
};
use std::{
    future::Future,
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Instant,
};
use tokio::net::TcpListener;
use worker::{BuiltIn, RetryPolicy, Worker};

use super::{Roles, scraped, settings};
use crate::{
    Result,
    exit::{Code, Failure},
};

/// Parts that are ready and do not run yet.
pub(crate) struct Server {
    live: Live,
    roles: Roles,
    store: Arc<dyn Store>,
    retry: Arc<ArcSwap<RetryPolicy>>,
    api: Option<(Api, TcpListener)>,
    worker: Option<(Worker, BuiltIn)>,
    scheduler: Option<Scheduler>,
    scraped: Option<TcpListener>,
    began: Instant,
}

impl Server {
    /// Binds the API's address, opens the store and brings its schema up, builds the parts. What
    /// can be wrong is found here, before anything runs.
    ///
    /// # Errors
    /// `Usage` when the roles and the store do not go together, `Unavailable` when the store
    /// cannot be used for now, `Failed` when the address is taken.
    pub(crate) async fn open(layers: Layers, loaded: Loaded, roles: Roles) -> Result<Self> {
        let began = Instant::now();
        let config = loaded.config.clone();
        let live = Live::new(layers, loaded);
        let listener = if roles.api {
            Some(listen(config.api.listen).await?)
        } else {
            None
        };
        let scraped = scraped::listen(config.telemetry.metrics_listen).await?;
        let store = open_store(&config, roles).await?;
        let retry = Arc::new(ArcSwap::from_pointee(settings::policy(&config)));
        let api = match listener {
            Some(listener) => {
                let (settings, live) = (settings::api(&config), settings::live(&config));
                let api = Api::new(settings, live, Arc::clone(&store)).map_err(usage)?;
                Some((api, listener))
            }
            None => None,
        };
        let worker = if roles.worker {
            Some(build_worker(&config, live.current(), &store, &retry)?)
        } else {
            None
        };
        let scheduler = if roles.scheduler {
            let settings = settings::scheduler(&config).map_err(usage)?;
            Some(Scheduler::new(settings, Arc::clone(&store)).map_err(usage)?)
        } else {
            None
        };
        Ok(Self {
            live,
            roles,
            store,
            retry,
            api,
            worker,
            scheduler,
            scraped,
            began,
        })
    }

    /// Where the API listens, if this process has one.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        let (_, listener) = self.api.as_ref()?;
        listener.local_addr().ok()
    }

    /// Where jobs are kept: for a process that watches its own.
    pub(crate) fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    /// Runs every part until the shutdown drains and what was begun has ended. A part that ends
    /// before that stops the others, for a process that does half of its work fools whoever
    /// watches it.
    ///
    /// # Errors
    /// `Failed` when a part ended of itself.
    ///
    /// # Cancel safety
    /// Dropped, it leaves its parts running; drain the shutdown instead.
    pub(crate) async fn run(self, telemetry: Telemetry, shutdown: Shutdown) -> Result {
        let Self {
            live,
            roles,
            store,
            retry,
            api,
            worker,
            scheduler,
            scraped,
            began,
        } = self;
        let parts = Parts::new(shutdown.clone());
        let current = live.current();
        let reload = Reloads {
            retry,
            worker: roles.worker,
            api: api.as_ref().map(|(api, _)| api.reload()),
            scheduler: scheduler.as_ref().map(Scheduler::reload),
        };

        if let Some((api, listener)) = api {
            let shutdown = shutdown.clone();
            parts.start("the API", async move {
                // What can be wrong with the listener was found when it was bound.
                if let Err(error) = api.serve(listener, shutdown).await {
                    tracing::error!("the API cannot serve: {error}");
                }
            });
        }
        if let Some((worker, built_in)) = worker {
            parts.start("the worker", worker.run(shutdown.clone()));
            let (store, shutdown) = (Arc::clone(&store), shutdown.clone());
            parts.start("the keeper of buffers", async move {
                built_in.keep_buffers(store, shutdown).await;
            });
        }
        if let Some(scheduler) = scheduler {
            parts.start("the scheduler", scheduler.run(shutdown.clone()));
        }
        if let Some(listener) = scraped {
            let of_fleet = roles.api.then(|| Arc::clone(&store));
            let answering = scraped::serve(listener, of_fleet, shutdown.clone());
            parts.start("the telling of metrics", answering);
        }
        parts.start(
            "the log filter",
            telemetry.follow(current.clone(), shutdown.clone()),
        );
        parts.start("the reload of settings", {
            let shutdown = shutdown.clone();
            async move { reload.follow(current, &shutdown).await }
        });
        parts.start("the reload of the configuration", {
            let shutdown = shutdown.clone();
            async move {
                if let Err(error) = live.run(shutdown).await {
                    tracing::error!("the configuration is not reloaded: {error}");
                }
            }
        });
        let version = env!("CARGO_PKG_VERSION");
        let ready_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            ready_ms,
            "windlass {version} runs: {roles}; ready after {ready_ms} ms"
        );

        let ended = parts.finished().await;
        tokio::select! {
            () = store.close() => tracing::info!("stopped"),
            // What was accepted is in the file already.
            () = shutdown.aborted() => {}
        }
        ended
    }
}

/// The parts of a process that run.
struct Parts {
    tasks: Tasks,
    shutdown: Shutdown,
    /// The first part that ended before it was asked to: the cause of the others' end.
    ended: Arc<OnceLock<&'static str>>,
}

impl Parts {
    fn new(shutdown: Shutdown) -> Self {
        Self {
            tasks: Tasks::new(),
            shutdown,
            ended: Arc::default(),
        }
    }

    fn start(&self, name: &'static str, part: impl Future<Output = ()> + Send + 'static) {
        let (shutdown, ended) = (self.shutdown.clone(), Arc::clone(&self.ended));
        let part = self.tasks.spawn(part);
        self.tasks.spawn(async move {
            let outcome = part.await;
            if outcome.is_err() || !shutdown.is_draining() {
                tracing::error!("{name} ended of itself: stopping");
                ended.get_or_init(|| name);
                shutdown.drain();
            }
        });
    }

    /// Waits until all have ended, or everything is to stop at once.
    async fn finished(self) -> Result {
        tokio::select! {
            () = self.tasks.finished() => {}
            () = self.shutdown.aborted() => {}
        }
        match self.ended.get() {
            Some(name) => {
                let why = format!("{name} ended of itself; the log says why");
                Err(Failure::new(Code::Failed, why))
            }
            None => Ok(()),
        }
    }
}

/// What is replaced in the parts of this process when the configuration changes.
struct Reloads {
    retry: Arc<ArcSwap<RetryPolicy>>,
    worker: bool,
    api: Option<api::Reload>,
    scheduler: Option<scheduler::Reload>,
}

impl Reloads {
    /// Lets what changed in the configuration hold, until draining begins.
    async fn follow(self, mut current: Current, shutdown: &Shutdown) {
        loop {
            tokio::select! {
                () = shutdown.draining() => return,
                changed = current.changed() => if !changed { return shutdown.draining().await },
            }
            self.apply(&current.snapshot());
        }
    }

    fn apply(&self, config: &Config) {
        self.retry.store(Arc::new(settings::policy(config)));
        if self.worker {
            warn(config);
        }
        if let Some(api) = &self.api
            && let Err(invalid) = api.replace(settings::live(config))
        {
            tracing::error!("the API goes by what held before: {invalid}");
        }
        if let Some(scheduler) = &self.scheduler {
            scheduler.retention(settings::retention(config));
            let schedules = settings::schedules(config);
            if let Err(invalid) = schedules.and_then(|schedules| scheduler.schedules(schedules)) {
                tracing::error!("schedules stay as they were: {invalid}");
            }
        }
        tracing::debug!("what changed holds from now on");
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener> {
    let listener = api::listen::bind(address).await;
    Ok(listener.context(
        "the API cannot start (another address: --listen, or api.listen in the configuration)",
    )?)
}

/// Opens the store.
async fn open_store(config: &Config, roles: Roles) -> Result<Arc<dyn Store>> {
    let shown = &config.store.url;
    let opened = store::open(&config.store.address(), Clock::system()).await;
    let store =
        opened.map_err(|error| Failure::from(error).about(&format!("cannot open {shown}")))?;
    if !store.capabilities().shared_by_processes && roles != Roles::ALL {
        let why = format!(
            "{shown} is seen by one process alone, and this one would be {roles}: run all roles \
             with `windlass up`, or keep jobs in a file with --store sqlite://windlass.db"
        );
        return Err(Failure::new(Code::Usage, why));
    }
    let durability = store.capabilities().durability;
    tracing::info!("jobs are kept in {shown} (durability: {durability:?})");
    Ok(observed(store))
}

fn build_worker(
    config: &Config,
    current: Current,
    store: &Arc<dyn Store>,
    retry: &Arc<ArcSwap<RetryPolicy>>,
) -> Result<(Worker, BuiltIn)> {
    warn(config);
    let built_in = BuiltIn::new(current, Clock::system());
    let builder = Worker::builder(Arc::clone(store))
        .settings(settings::worker(config))
        .retry(Arc::clone(retry));
    let worker = built_in.register(builder).build().map_err(usage)?;
    Ok((worker, built_in))
}

/// Tells a worker's people what of its configuration may not be meant.
fn warn(config: &Config) {
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
}

fn usage(invalid: shared::job::Invalid) -> Failure {
    Failure::new(Code::Usage, invalid)
}
