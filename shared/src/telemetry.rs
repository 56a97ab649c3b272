//! What the program tells about itself: logs, and the place where traces join them.
//!
//! Started once, before anything else runs, and followed by [`Telemetry::follow`], which takes up
//! another log filter when the configuration changes.

use std::{fs::File, io::IsTerminal as _, sync::Arc};
use tracing::Subscriber;
use tracing_subscriber::{
    Layer, Registry,
    filter::Targets,
    fmt::MakeWriter,
    layer::SubscriberExt as _,
    reload,
    util::{SubscriberInitExt as _, TryInitError},
};

use crate::{
    config::{Current, LogFilter, LogFormat, Logs},
    shutdown::Shutdown,
};

pub mod fields;

mod json;
mod logs;
mod panics;

#[cfg(test)]
mod tests;

/// Something that spans and events are told to.
type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// What changes which lines are written.
type Filter = reload::Handle<Targets, Registry>;

/// Telemetry cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The process has a subscriber already: it was started twice, or something else set one.
    #[error("telemetry runs already in this process")]
    Running(#[source] TryInitError),
}

/// Telemetry that runs. It runs until the process ends, whether this is kept or not.
#[derive(Debug)]
pub struct Telemetry {
    filter: Filter,
}

impl Telemetry {
    /// Starts telemetry for this process: logs go to the standard error stream, and panics into
    /// the logs.
    ///
    /// # Errors
    /// [`Error::Running`] when it was started before; nothing has changed.
    pub fn start(settings: &Logs) -> Result<Self, Error> {
        let terminal = std::io::stderr().is_terminal();
        Self::start_with(logs_layer(settings, std::io::stderr, terminal))
    }

    /// Starts telemetry for this process as [`Self::start`] does, but logs go into a file: for a
    /// process whose terminal shows something else.
    ///
    /// # Errors
    /// As of [`Self::start`].
    pub fn start_into(settings: &Logs, file: File) -> Result<Self, Error> {
        Self::start_with(logs_layer(settings, Arc::new(file), false))
    }

    fn start_with((logs, filter): (BoxedLayer, Filter)) -> Result<Self, Error> {
        subscriber(vec![logs]).try_init().map_err(Error::Running)?;
        panics::log_them();
        Ok(Self { filter })
    }

    /// Writes other lines from now on.
    pub fn set_filter(&self, filter: &LogFilter) {
        // The subscriber is the process's own, so it is there and its lock is not poisoned.
        if let Err(error) = self.filter.reload(filter.targets().clone()) {
            tracing::error!("the log filter stays as it was: {error}");
        }
    }

    /// Takes up the log filter whenever the configuration changes, until draining begins.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn follow(self, mut current: Current, shutdown: Shutdown) {
        let mut filter = current.snapshot().logs.filter.clone();
        self.set_filter(&filter);
        loop {
            tokio::select! {
                () = shutdown.draining() => return,
                changed = current.changed() => if !changed { return },
            }
            let now = current.snapshot();
            if now.logs.filter != filter {
                filter = now.logs.filter.clone();
                self.set_filter(&filter);
            }
        }
    }
}

/// Puts the subscriber together. Each layer has a filter of its own: what is not logged may still
/// be traced.
fn subscriber(layers: Vec<BoxedLayer>) -> impl Subscriber + Send + Sync {
    tracing_subscriber::registry().with(layers)
}

/// The layer that writes lines to `writer`, which may be a terminal.
fn logs_layer<W>(settings: &Logs, writer: W, terminal: bool) -> (BoxedLayer, Filter)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let (filter, handle) = reload::Layer::new(settings.filter.targets().clone());
    let layer = match (settings.format, terminal) {
        (LogFormat::Json, _) | (LogFormat::Auto, false) => logs::json(writer),
        (LogFormat::Pretty, colours) => logs::pretty(writer, colours),
        (LogFormat::Auto, true) => logs::pretty(writer, true),
    };
    (layer.with_filter(filter).boxed(), handle)
}
