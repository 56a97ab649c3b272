//! The command line: every command, and the flags that several share.

use clap::{
    Args, Parser, Subcommand,
    builder::Styles,
    error::{ContextKind, ContextValue},
};
use shared::{
    config::{Flag, Layers, Loaded},
    secret::Secret,
    store::redacted_url,
};
use std::{convert::Infallible, path::PathBuf};

use crate::{
    Result,
    commands::Command as Local,
    demo,
    operate::{Operate, Workers},
    output, serve,
};

/// A durable job queue and worker pool: jobs are accepted, run at least once, retried with backoff,
/// and kept as dead letters when nothing helps.
#[derive(Debug, Parser)]
#[command(
    name = "windlass",
    version,
    max_term_width = 100,
    styles = styles(),
    subcommand_value_name = "COMMAND",
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = FIRST_STEPS,
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const FIRST_STEPS: &str = "\
First steps:
  windlass demo                                    all of it, on sample data, offline
  windlass up                                      API, worker and scheduler on ./windlass.db
  windlass job submit http '{\"url\": \"https://example.com\"}' --watch
  windlass dlq list                                what failed for good, and why";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs API, worker and scheduler in one process: all that one machine needs.
    Up(serve::Up),
    /// Runs the API alone.
    Api(serve::ApiArgs),
    /// Runs a worker alone; start as many as there is work for.
    Worker(Worker),
    /// Runs a scheduler alone; of several, one leads.
    Scheduler(serve::SchedulerArgs),
    /// Runs all of it on sample data, offline, in a directory that goes away.
    Demo(demo::Args),
    #[command(flatten)]
    Operate(Operate),
    #[command(flatten)]
    Local(Local),
}

impl Command {
    pub(crate) fn run(self) -> Result {
        match self {
            Self::Up(args) => args.run(),
            Self::Api(args) => args.run(),
            Self::Worker(Worker {
                ask: Some(command), ..
            }) => command.run(),
            Self::Worker(Worker { ask: None, run }) => run.run(),
            Self::Scheduler(args) => args.run(),
            Self::Demo(args) => args.run(),
            Self::Operate(command) => command.run(),
            Self::Local(command) => command.run(),
        }
    }
}

/// A worker to run, or a question about those that run.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
pub(crate) struct Worker {
    #[command(subcommand)]
    ask: Option<Workers>,
    #[command(flatten)]
    run: serve::WorkerArgs,
}

/// Where the configuration is, and flags that override it.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Configuration")]
pub(crate) struct ConfigFlags {
    /// The configuration file [default: ./windlass.toml if it is there].
    #[arg(long, short, value_name = "FILE", env = "WINDLASS_CONFIG")]
    config: Option<PathBuf>,
    /// Where jobs are kept: `sqlite://FILE`, `postgres://USER@HOST/DATABASE`, or `memory:` for
    /// trying out [key: store.url].
    #[arg(long, value_name = "URL", value_parser = secret)]
    store: Option<Secret>,
    /// Which log lines: error, warn, info, debug, trace [key: logs.filter].
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// How log lines look: auto, pretty, json [key: logs.format].
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
}

impl ConfigFlags {
    /// The layers of this process, with `more` flags of the command's own.
    pub(crate) fn layers(&self, more: Vec<Flag>) -> Layers {
        let own = [
            flag(
                "store.url",
                "--store",
                self.store.as_ref().map(Secret::expose),
            ),
            flag("logs.filter", "--log", self.log.as_ref()),
            flag("logs.format", "--log-format", self.log_format.as_ref()),
        ];
        let flags = own.into_iter().flatten().chain(more).collect();
        Layers::of_process(self.config.clone(), flags)
    }

    /// Loads and checks the configuration, for a command that keeps no log: a warning goes to the
    /// error stream.
    ///
    /// # Errors
    /// Every fault that was found.
    pub(crate) fn load(&self) -> Result<Loaded> {
        let loaded = self.layers(Vec::new()).load()?;
        if let Some(warning) = loaded.exposed() {
            output::warn(warning);
        }
        Ok(loaded)
    }
}

/// What may hold a password, as the command line gives it.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the parser of a flag may refuse a text"
)]
fn secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text))
}

/// Takes the passwords out of the arguments that a refusal of the command line repeats.
pub(crate) fn redacted(mut refusal: clap::Error) -> clap::Error {
    let repeated: Vec<(ContextKind, String)> = refusal
        .context()
        .filter_map(|(kind, value)| match value {
            ContextValue::String(text) => Some((kind, redacted_url(text))),
            _ => None,
        })
        .collect();
    for (kind, text) in repeated {
        refusal.insert(kind, ContextValue::String(text));
    }
    refusal
}

/// One flag as a layer of the configuration knows it; `None` when it was not given.
pub(crate) fn flag(
    key: &'static str,
    name: &'static str,
    value: Option<impl ToString>,
) -> Option<Flag> {
    let value = value?.to_string();
    Some(Flag { key, value, name })
}

/// How an answer is printed.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct Format {
    /// Prints JSON, for programs.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

fn styles() -> Styles {
    use clap::builder::styling::AnsiColor::{Cyan, Green};
    Styles::styled()
        .header(Green.on_default().bold())
        .usage(Green.on_default().bold())
        .literal(Cyan.on_default().bold())
        .placeholder(Cyan.on_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_password_is_not_repeated() {
        let url = "postgres://u:hunter2@h/d";
        for line in [
            &["windlass", "up", url][..],
            &["windlass", url],
            &["windlass", "up", "--stroe", url],
            &["windlass", "job", "list", "--server", url],
            &["windlass", "job", "list", "--limit", url],
        ] {
            let refusal = Cli::try_parse_from(line).unwrap_err();
            let told = redacted(refusal).render().to_string();
            assert!(told.starts_with("error: "), "{line:?}: {told}");
            assert!(!told.contains("hunter2"), "{line:?}: {told}");
        }
        let parsed = Cli::try_parse_from(["windlass", "up", "--store", url]).unwrap();
        assert!(!format!("{parsed:?}").contains("hunter2"), "{parsed:?}");
        let Command::Up(_) = &parsed.command else {
            panic!("{parsed:?}");
        };
    }
}
