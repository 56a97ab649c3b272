//! `windlass completions`: scripts that let a shell complete commands and flags.

use clap::{Args, CommandFactory as _};
use clap_complete::{Shell, generate};

use crate::{Result, args::Cli, output};

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  windlass completions bash > ~/.local/share/bash-completion/completions/windlass"
)]
pub(crate) struct Completions {
    /// For which shell.
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self) -> Result {
        let mut script = Vec::new();
        generate(self.shell, &mut Cli::command(), "windlass", &mut script);
        output::text(String::from_utf8_lossy(&script))
    }
}
