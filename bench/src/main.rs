#![doc = include_str!("../README.md")]
#![expect(
    clippy::print_stdout,
    reason = "the report is what this program is for"
)]

mod backlog;
mod floor;
mod held;
mod lifecycle;
mod pickup;
mod process;
mod report;
mod store;

use anyhow::anyhow;
use clap::{Parser, Subcommand};
use shared::{
    config::Layers,
    telemetry::{Exporting, Telemetry},
};

/// Measures a Windlass store. One JSON object, or a table, on stdout; logs on stderr.
#[derive(Parser)]
#[command(name = "windlass-bench", version)]
struct Cli {
    #[command(subcommand)]
    scenario: Scenario,
    /// Where jobs are kept: `memory:`, `sqlite:///path/to/file.db`, `postgres://user@host/database`. A
    /// store of its own is made beside what is named, and removed afterwards.
    #[arg(long, global = true, default_value = "memory:")]
    store: String,
    /// Exports traces to a collector that speaks OTLP, and observes the store as the
    /// processes of `windlass` do.
    #[arg(long, global = true, value_name = "URL")]
    traces: Option<String>,
    /// Which traces [default: as of the configuration].
    #[arg(long, global = true, requires = "traces")]
    sampler: Option<String>,
    /// Prints one JSON object instead of a table.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Scenario {
    /// Enqueues jobs, then drains them through the real worker runtime with a no-op handler.
    Lifecycle(lifecycle::Options),
    /// The same work in bare statements, without any job semantics, on the same kind of store.
    Floor(floor::Options),
    /// Time from an enqueue's commit to the start of its handler: idle workers, an open loop, the
    /// producer in another process.
    Pickup(pickup::Options),
    /// How fast a large backlog drains at first and near its end, and how long looking takes then.
    Backlog(backlog::Options),
    /// Throughput and pages per claim while another session holds a snapshot open (Postgres).
    HeldSnapshot(held::Options),
    /// The other process of `pickup`.
    #[command(hide = true)]
    Produce(pickup::Options),
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let exporting = cli
        .traces
        .as_deref()
        .map(|url| export(url, cli.sampler.as_deref()));
    let exporting = exporting.transpose()?;
    let runtime = tokio::runtime::Runtime::new()?;
    let report = runtime.block_on(async {
        match cli.scenario {
            Scenario::Lifecycle(options) => lifecycle::run(&cli.store, &options).await,
            Scenario::Floor(options) => floor::run(&cli.store, &options).await,
            Scenario::Pickup(options) => pickup::run(&cli.store, &options).await,
            Scenario::Backlog(options) => backlog::run(&cli.store, &options).await,
            Scenario::HeldSnapshot(options) => held::run(&cli.store, &options).await,
            Scenario::Produce(options) => pickup::produce(&cli.store, &options).await,
        }
    })?;
    if let Some(exporting) = exporting {
        exporting.stop();
    }
    if let Some(report) = report {
        println!(
            "{}",
            if cli.json {
                report.json()?
            } else {
                report.table()
            }
        );
    }
    Ok(())
}

/// Exports traces as a process of `windlass` would, with its environment.
fn export(url: &str, sampler: Option<&str>) -> anyhow::Result<Exporting> {
    let layers = Layers::of_process(None, Vec::new());
    let mut config = layers.load()?.config;
    let url = url
        .parse()
        .map_err(|why: String| anyhow!("--traces {why}"))?;
    config.telemetry.endpoint = Some(url);
    if let Some(sampler) = sampler {
        config.telemetry.sampler = sampler
            .parse()
            .map_err(|why: String| anyhow!("--sampler {why}"))?;
    }
    Ok(Telemetry::start(&config, Some("bench"))?.1)
}
