#![doc = include_str!("../README.md")]

mod args;
mod commands;
mod demo;
mod exit;
mod operate;
mod output;
mod serve;

use clap::Parser as _;
use std::process::ExitCode;

use crate::{args::Cli, exit::Failure};

fn main() -> ExitCode {
    let cli = Cli::try_parse().unwrap_or_else(|refusal| args::redacted(refusal).exit());
    match cli.command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.tell();
            failure.code().into()
        }
    }
}

/// What every command answers.
type Result<T = (), E = Failure> = std::result::Result<T, E>;
