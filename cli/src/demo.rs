//! `windlass demo`: all of Windlass on sample data.

use crate::Result;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

impl Args {
    pub(crate) fn run(self) -> Result {
        Ok(())
    }
}
