//! The flags of the roles; each overrides one key of the configuration.

use clap::Args;
use shared::config::Flag;

use super::{Roles, run};
use crate::{
    Result,
    args::{ConfigFlags, flag},
};

/// All roles.
#[derive(Debug, Args)]
pub(crate) struct Up {
    #[command(flatten)]
    listen: Listen,
    #[command(flatten)]
    hands: Hands,
    #[command(flatten)]
    config: ConfigFlags,
}

/// The API.
#[derive(Debug, Args)]
pub(crate) struct ApiArgs {
    #[command(flatten)]
    listen: Listen,
    #[command(flatten)]
    config: ConfigFlags,
}

/// A worker.
#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    #[command(flatten)]
    hands: Hands,
    #[command(flatten)]
    config: ConfigFlags,
}

/// A scheduler.
#[derive(Debug, Args)]
pub(crate) struct SchedulerArgs {
    #[command(flatten)]
    config: ConfigFlags,
}

#[derive(Debug, Args)]
struct Listen {
    /// Where the API listens; port 0 takes any that is free [key: api.listen].
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
}

#[derive(Debug, Args)]
struct Hands {
    /// Queues to serve, the first ones first; "*" is every other [key: worker.queues].
    #[arg(long, value_name = "QUEUE,..")]
    queues: Option<String>,
    /// How many jobs run at once [key: worker.concurrency].
    #[arg(long, value_name = "JOBS")]
    concurrency: Option<String>,
    /// What this worker is called, for people [key: worker.name].
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

impl Listen {
    fn flags(&self) -> Vec<Flag> {
        Vec::from_iter(flag("api.listen", "--listen", self.listen.as_ref()))
    }
}

impl Hands {
    fn flags(&self) -> Vec<Flag> {
        let flags = [
            flag("worker.queues", "--queues", self.queues.as_ref()),
            flag(
                "worker.concurrency",
                "--concurrency",
                self.concurrency.as_ref(),
            ),
            flag("worker.name", "--name", self.name.as_ref()),
        ];
        flags.into_iter().flatten().collect()
    }
}

impl Up {
    pub(crate) fn run(self) -> Result {
        let mut flags = self.listen.flags();
        flags.append(&mut self.hands.flags());
        run(self.config.layers(flags), Roles::ALL)
    }
}

impl ApiArgs {
    pub(crate) fn run(self) -> Result {
        run(self.config.layers(self.listen.flags()), Roles::API)
    }
}

impl WorkerArgs {
    pub(crate) fn run(self) -> Result {
        run(self.config.layers(self.hands.flags()), Roles::WORKER)
    }
}

impl SchedulerArgs {
    pub(crate) fn run(self) -> Result {
        run(self.config.layers(Vec::new()), Roles::SCHEDULER)
    }
}
