//! What the program tells about itself: logs, traces, metrics.
//!
//! Started once, before anything else runs, and followed by [`Telemetry::follow`], which takes up
//! another log filter when the configuration changes. Traces are exported until [`Exporting::stop`],
//! which comes last.

use std::{fs::File, io::IsTerminal as _, sync::Arc};
use tracing::Subscriber;
use tracing_subscriber::{
    Layer, Registry,
    filter::{LevelFilter, Targets},
    fmt::MakeWriter,
    layer::SubscriberExt as _,
    reload,
    util::{SubscriberInitExt as _, TryInitError},
};

use crate::{
    config::{Config, Current, LogFilter, LogFormat, Logs},
    shutdown::Shutdown,
};
use traces::export::Export;

pub mod fields;
pub mod metrics;
pub mod observed;
pub mod traces;

mod json;
mod logs;
mod panics;

#[cfg(test)]
mod tests;

/// Something that spans and events are told to.
type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// What changes which lines are written.
type Filter = reload::Handle<Targets, Registry>;

/// Parts of the program whose spans of `tracing` are for the log, or would tell of the exporting
/// itself: they are not exported.
const NOT_EXPORTED: [&str; 12] = [
    "windlass",
    "apalis",
    "apalis_core",
    "h2",
    "hyper",
    "hyper_util",
    "opentelemetry",
    "reqwest",
    "rustls",
    "sqlx",
    "tonic",
    "tower",
];

/// Telemetry cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The process has a subscriber already: it was started twice, or something else set one.
    #[error("telemetry runs already in this process")]
    Running(#[source] TryInitError),
    /// What is set for traces cannot work.
    #[error(transparent)]
    Traces(#[from] traces::Unusable),
}

/// Telemetry that runs. It runs until the process ends, whether this is kept or not.
#[derive(Debug)]
pub struct Telemetry {
    filter: Filter,
}

/// Traces that are exported, or nothing.
#[derive(Debug)]
pub struct Exporting(Option<Export>);

impl Exporting {
    /// Exports what waits and ends. Takes [`traces::FLUSH`] at most, whatever the collector does.
    /// Blocks: call it when everything else has ended.
    pub fn stop(self) {
        if let Some(export) = self.0 {
            export.stop();
        }
    }
}

impl Telemetry {
    /// Starts telemetry for this process: logs go to the standard error stream, panics into the
    /// logs, and traces to the collector, if there is one. `role` is what this process does, if it
    /// does one thing.
    ///
    /// # Errors
    /// [`Error::Running`] when it was started before; nothing has changed. [`Error::Traces`] when
    /// traces cannot be exported as they should be.
    pub fn start(config: &Config, role: Option<&str>) -> Result<(Self, Exporting), Error> {
        let export = Export::start(&config.telemetry, role)?;
        let terminal = std::io::stderr().is_terminal();
        let (logs, filter) = logs_layer(&config.logs, std::io::stderr, terminal);
        let mut layers = vec![logs];
        layers.extend(export.as_ref().map(spans_layer));
        let telemetry = Self::start_with(layers, filter)?;
        if let Some(export) = &export {
            export.record(&config.telemetry);
        }
        Ok((telemetry, Exporting(export)))
    }

    /// Starts telemetry for this process, but logs go into a file, and no traces anywhere: for a
    /// process whose terminal shows something else.
    ///
    /// # Errors
    /// As of [`Self::start`].
    pub fn start_into(settings: &Logs, file: File) -> Result<Self, Error> {
        let (logs, filter) = logs_layer(settings, Arc::new(file), false);
        Self::start_with(vec![logs], filter)
    }

    fn start_with(layers: Vec<BoxedLayer>, filter: Filter) -> Result<Self, Error> {
        subscriber(layers).try_init().map_err(Error::Running)?;
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

/// The layer that exports what handlers make with `tracing`.
fn spans_layer(export: &Export) -> BoxedLayer {
    let ours = NOT_EXPORTED.map(|target| (target, LevelFilter::OFF));
    let filter = Targets::new()
        .with_default(LevelFilter::INFO)
        .with_targets(ours);
    tracing_opentelemetry::layer()
        .with_tracer(export.tracer())
        .with_filter(filter)
        .boxed()
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
