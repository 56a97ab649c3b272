//! `windlass demo`: all of Windlass on sample data, offline, in a directory that goes away.
//!
//! The roles run as `windlass up` runs them, on a configuration that is written into the
//! directory. Beside them are sample servers on loopback: a table server and a JSON API that
//! answer out of real data sets, and a receiver that plays Databox, a subscriber of events, and a
//! service that is out of order until it is mended.

mod commands;
mod cube;
mod directory;
mod event;
mod first;
mod json_api;
mod narrator;
mod pxweb;
mod ready;
mod receiver;
mod result;
mod samples;
mod screen;
mod session;
mod switch;

use clap::Subcommand;

use crate::{
    Result,
    args::Format,
    exit::{Code, Failure},
};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Configuration comes from the file that the demo writes into its directory and from these flags;
the environment and ./windlass.toml are not looked at.")]
pub(crate) struct Args {
    #[command(subcommand)]
    turn: Option<Turn>,
    #[command(flatten)]
    start: Start,
    #[command(flatten)]
    format: Format,
}

/// How a demo is started.
#[derive(Debug, clap::Args)]
struct Start {
    /// Where the API listens [default: 127.0.0.1:7400, or a free port when that is taken].
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Leaves the directory where it is at the end.
    #[arg(long)]
    keep: bool,
}

/// The switch of the service that fails on purpose.
#[derive(Debug, Subcommand)]
enum Turn {
    /// Mends what fails on purpose in the demo that runs in another terminal.
    Mend(switch::Which),
    /// Breaks it again.
    Break(switch::Which),
}

impl Args {
    pub(crate) fn run(self) -> Result {
        let json = self.format.json;
        let Some(turn) = self.turn else {
            return session::run(&self.start, json);
        };
        if self.start.listen.is_some() || self.start.keep {
            let why = "--listen and --keep are for starting a demo: leave them out here";
            return Err(Failure::new(Code::Usage, why));
        }
        match turn {
            Turn::Mend(which) => which.turn(true, json),
            Turn::Break(which) => which.turn(false, json),
        }
    }
}
