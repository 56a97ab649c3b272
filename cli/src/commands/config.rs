//! `windlass config`: what holds, where it came from, and whether it is right.

use clap::{Args, Subcommand};
use shared::config::{
    REFERENCE,
    show::{self, Verdict},
};

use crate::{
    Result,
    args::{ConfigFlags, Format},
    exit::Failure,
    output,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Prints what holds, and where each value came from; secrets are redacted.
    Show(Show),
    /// Tells every fault of the configuration at once.
    Check(Check),
    /// Prints the reference: every key with its meaning, its unit and its default.
    Default,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    #[command(flatten)]
    config: ConfigFlags,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    config: ConfigFlags,
    #[command(flatten)]
    format: Format,
}

impl Config {
    pub(crate) fn run(self) -> Result {
        match self {
            Self::Show(Show { config, format }) => {
                let loaded = config.load()?;
                if format.json {
                    output::json(&show::values(&loaded).map_err(anyhow::Error::from)?)
                } else {
                    output::text(show::render(&loaded).trim_end())
                }
            }
            Self::Check(Check { config, format }) => {
                let loaded = config.layers(Vec::new()).load();
                if format.json {
                    output::json(&Verdict::of(&loaded))?;
                }
                match loaded {
                    Ok(_) if format.json => Ok(()),
                    Ok(_) => output::text(Verdict::of(&loaded)),
                    Err(faults) => Err(Failure::from(faults)),
                }
            }
            Self::Default => output::text(REFERENCE.trim_end()),
        }
    }
}
