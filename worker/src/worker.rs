//! A worker: built from a store and handlers, then run.

use arc_swap::ArcSwap;
use serde::de::DeserializeOwned;
use shared::{
    job::{Invalid, Kind},
    lease::LEASE,
    shutdown::Shutdown,
    store::{Retention, Store},
};
use std::{fmt, future::Future, sync::Arc, time::Duration};

use crate::{
    Context, Handler, IntoOutcome, Queues, Registry, RetryPolicy, Settings, engine::Engine, typed,
};

/// Runs jobs of a store with the handlers it was built with.
pub struct Worker(Arc<Engine>);

impl Worker {
    /// Starts building a worker.
    pub fn builder(store: Arc<dyn Store>) -> Builder {
        Builder {
            store,
            settings: Settings::default(),
            registry: Registry::new(),
            retry: Arc::default(),
            fault: None,
        }
    }

    /// Runs until `shutdown` drains, and then until what was begun has ended and is settled, or
    /// is handed back; at once when `shutdown` aborts. Never ends because the store is away.
    ///
    /// # Cancel safety
    /// Dropped, it leaves its tasks and its lease behind until they notice; drain instead.
    pub async fn run(self, shutdown: Shutdown) {
        self.0.run(&shutdown).await;
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("settings", &self.0.settings)
            .field("kinds", &self.0.registry)
            .finish_non_exhaustive()
    }
}

/// Builds a [`Worker`].
pub struct Builder {
    store: Arc<dyn Store>,
    settings: Settings,
    registry: Registry,
    retry: Arc<ArcSwap<RetryPolicy>>,
    fault: Option<Invalid>,
}

impl Builder {
    /// Adds a handler for a kind: an async closure over the context and the typed args.
    ///
    /// ```
    /// # use windlass_worker::{Builder, Context, Done};
    /// #[derive(serde::Deserialize)]
    /// struct SendEmail { to: String }
    /// # fn with(builder: Builder) -> Builder {
    /// builder.handle("send_email", |ctx: Context, args: SendEmail| async move {
    ///     ctx.progress("rendering")?;
    ///     Ok::<_, Box<dyn std::error::Error + Send + Sync>>(Done(args.to))
    /// })
    /// # }
    /// ```
    #[must_use]
    pub fn handle<A, F, Fut>(self, kind: &str, run: F) -> Self
    where
        A: DeserializeOwned + Send + 'static,
        F: Fn(Context, A) -> Fut + Send + Sync + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: IntoOutcome,
    {
        self.handler(kind, typed(run))
    }

    /// Adds a handler for a kind that is more than a closure.
    #[must_use]
    pub fn handler(mut self, kind: &str, handler: impl Handler) -> Self {
        let added = Kind::new(kind).and_then(|kind| self.registry.add(kind, handler));
        // Told by `build`: a chain of calls reads better without a question mark in each.
        self.fault = self.fault.or(added.err());
        self
    }

    /// Serves these queues only, the first ones first.
    #[must_use]
    pub fn queues(mut self, queues: Queues) -> Self {
        self.settings.queues = queues;
        self
    }

    /// Runs so many jobs at once.
    #[must_use]
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.settings.concurrency = concurrency;
        self
    }

    /// Does without a scheduler: makes due jobs available, rescues jobs of dead workers and forgets
    /// ended ones after a day, dead letters after thirty. Schedules still need a scheduler.
    #[must_use]
    pub fn alone(mut self) -> Self {
        self.settings.alone = Some(Retention::default());
        self
    }

    /// Replaces all settings.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Takes the waits between attempts from here; whoever holds the other end may replace them
    /// while the worker runs.
    #[must_use]
    pub fn retry(mut self, retry: Arc<ArcSwap<RetryPolicy>>) -> Self {
        self.retry = retry;
        self
    }

    /// The worker.
    ///
    /// # Errors
    /// `Invalid` when a kind is outside its grammar or has two handlers, nothing may run at once,
    /// or the lease does not hold three heartbeats.
    pub fn build(self) -> Result<Worker, Invalid> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let settings = &self.settings;
        if settings.concurrency == 0 {
            return Err(Invalid::new(
                "concurrency",
                "is 0; at least one job must run",
            ));
        }
        if !LEASE.contains(&settings.lease) {
            return Err(Invalid::new("lease", "is not between 1 s and 1 h"));
        }
        if settings.heartbeat < Duration::from_millis(50) || settings.heartbeat * 3 > settings.lease
        {
            return Err(Invalid::new(
                "heartbeat",
                "is below 50 ms or not three times in the lease",
            ));
        }
        Ok(Worker(Engine::new(
            self.store,
            self.settings,
            self.registry,
            self.retry,
        )))
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("settings", &self.settings)
            .field("kinds", &self.registry)
            .finish_non_exhaustive()
    }
}
