//! The built-in handlers.

mod collect;
mod compute;
mod http;
mod outbound;
mod pipeline;
mod publish;
mod setup;

#[cfg(test)]
mod fake_server;
#[cfg(test)]
mod world;

use arc_swap::ArcSwap;
use shared::{clock::Clock, config::live::Current, shutdown::Shutdown, store::Store};
use std::{fmt, sync::Arc};

use crate::{
    Builder, Context,
    handlers::{
        publish::{keeper, lanes::Lanes},
        setup::Setup,
    },
};

/// Calls a URL.
pub const HTTP: &str = "http";
/// Collects the numbers of a source.
pub const COLLECT: &str = "collect";
/// Publishes to a destination, and flushes its buffer.
pub const PUBLISH: &str = shared::buffer::KIND;
/// Collects from sources, computes and publishes.
pub const PIPELINE: &str = "pipeline";

/// The built-in handlers: made once, registered with a worker, told of every new configuration.
/// Cheap to clone; clones are the same.
#[derive(Clone)]
pub struct BuiltIn(Arc<Inner>);

struct Inner {
    current: Current,
    clock: Clock,
    /// What was made of the configuration when it was last looked at.
    setup: ArcSwap<Setup>,
    lanes: Lanes,
}

impl BuiltIn {
    /// Handlers that work as the current configuration says: each attempt by one reading of it.
    /// The clock is this machine's: it dates answers that tell a time of day and do not say what
    /// time it is.
    pub fn new(current: Current, clock: Clock) -> Self {
        let setup = Setup::new(current.snapshot(), &clock, None);
        Self(Arc::new(Inner {
            current,
            clock,
            setup: ArcSwap::from_pointee(setup),
            lanes: Lanes::default(),
        }))
    }

    /// Adds the handlers to a worker that is being built.
    #[must_use]
    pub fn register(&self, builder: Builder) -> Builder {
        let [http, collect, publish, pipeline] = [(); 4].map(|()| self.clone());
        builder
            .handle(HTTP, move |ctx: Context, args| {
                let setup = http.setup();
                async move { http::run(ctx, args, &setup.outbound).await }
            })
            .handle(COLLECT, move |ctx: Context, args| {
                let setup = collect.setup();
                async move { collect::run(ctx, args, &setup).await }
            })
            .handle(PUBLISH, move |ctx: Context, args| {
                let (this, setup) = (publish.clone(), publish.setup());
                async move { publish::run(ctx, args, &setup, &this.0.lanes).await }
            })
            .handle(PIPELINE, move |ctx: Context, args| {
                let setup = pipeline.setup();
                async move { pipeline::run(ctx, args, &setup).await }
            })
    }

    /// Looks after the buffers of destinations until the shutdown drains: whatever waits is
    /// flushed in the end, also when the one who added it could not see to it. To be run beside
    /// every worker that has the handlers.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn keep_buffers(&self, store: Arc<dyn Store>, shutdown: Shutdown) {
        keeper::run(self.clone(), store, shutdown).await;
    }

    /// The setup that holds now.
    fn setup(&self) -> Arc<Setup> {
        let (config, before) = (self.0.current.snapshot(), self.0.setup.load_full());
        if Arc::ptr_eq(&config, &before.config) {
            return before;
        }
        let setup = Arc::new(Setup::new(config, &self.0.clock, Some(&before)));
        self.0.setup.store(Arc::clone(&setup));
        setup
    }
}

impl fmt::Debug for BuiltIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let setup = self.setup();
        f.debug_struct("BuiltIn")
            .field("sources", &setup.config.sources.keys())
            .field("destinations", &setup.config.destinations.keys())
            .field("pipelines", &setup.config.pipelines.keys())
            .finish_non_exhaustive()
    }
}
