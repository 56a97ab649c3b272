//! The operator's commands: they speak to a running API.

use clap::Subcommand;

use crate::Result;

#[derive(Debug, Subcommand)]
pub(crate) enum Operate {}

impl Operate {
    pub(crate) fn run(self) -> Result {
        match self {}
    }
}
