//! Commands that need no running process.

mod completions;
mod config;
mod migrate;
mod preview;

use clap::Subcommand;

pub(crate) use preview::Preview;

use crate::Result;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows and brings up the schema of a store.
    #[command(subcommand)]
    Migrate(migrate::Migrate),
    /// Shows and checks the configuration.
    #[command(subcommand)]
    Config(config::Config),
    /// Prints what a shell needs to complete commands and flags.
    Completions(completions::Completions),
}

impl Command {
    pub(crate) fn run(self) -> Result {
        match self {
            Self::Migrate(command) => command.run(),
            Self::Config(command) => command.run(),
            Self::Completions(command) => command.run(),
        }
    }
}
