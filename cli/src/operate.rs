//! The operator's commands: they speak to a running API.

mod client;
mod desk;
mod problem;
mod wire;

mod destination;
mod dlq;
mod filter;
mod job;
mod pipeline;
mod queue;
mod schedule;
mod status;
#[cfg(test)]
mod tests;
mod worker;

use clap::{Args, Subcommand};

use crate::{Result, serve::block_on};
use desk::{Connection, Desk};
pub(crate) use worker::Workers;

#[derive(Debug, Subcommand)]
pub(crate) enum Operate {
    /// Submits, shows, watches, cancels and retries jobs.
    Job(Group<job::Job>),
    /// Shows queues, pauses and resumes them.
    Queue(Group<queue::Queue>),
    /// Shows dead letters and replays them.
    Dlq(Group<dlq::Dlq>),
    /// Shows pipelines with what they published, and runs them.
    Pipeline(Group<pipeline::Pipeline>),
    /// Shows schedules, pauses and resumes them.
    Schedule(Group<schedule::Schedule>),
    /// Shows destinations, and switches them on again.
    Destination(Group<destination::Destination>),
    /// Shows on one screen how everything is, what is wrong first.
    Status(status::Status),
}

/// Commands about one thing.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
pub(crate) struct Group<C: Subcommand> {
    #[command(subcommand)]
    command: C,
    #[command(flatten)]
    connection: Connection,
}

impl Operate {
    pub(crate) fn run(self) -> Result {
        let mut desk = Desk::open(self.connection())?;
        block_on(self.execute(&mut desk))?
    }

    fn connection(&self) -> &Connection {
        match self {
            Self::Job(group) => &group.connection,
            Self::Queue(group) => &group.connection,
            Self::Dlq(group) => &group.connection,
            Self::Pipeline(group) => &group.connection,
            Self::Schedule(group) => &group.connection,
            Self::Destination(group) => &group.connection,
            Self::Status(status) => &status.connection,
        }
    }

    async fn execute(self, desk: &mut Desk) -> Result {
        match self {
            Self::Job(group) => group.command.run(desk).await,
            Self::Queue(group) => group.command.run(desk).await,
            Self::Dlq(group) => group.command.run(desk).await,
            Self::Pipeline(group) => group.command.run(desk).await,
            Self::Schedule(group) => group.command.run(desk).await,
            Self::Destination(group) => group.command.run(desk).await,
            Self::Status(_) => status::run(desk).await,
        }
    }
}
