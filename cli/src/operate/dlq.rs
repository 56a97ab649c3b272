//! `windlass dlq`: dead letters, and their replay.

mod replay;

use clap::{Args, Subcommand};
use shared::clock::Timestamp;

use super::{
    desk::Desk,
    filter::FilterFlags,
    job::{One, Page, list_jobs, show},
    wire::Job,
};
use crate::{
    Result,
    output::{
        Table,
        age::relative_or_blank,
        table::{excerpt, plain},
    },
};

#[derive(Debug, Subcommand)]
pub(crate) enum Dlq {
    /// Lists dead letters that were not replayed, newest first.
    List(List),
    /// Shows everything about a dead letter.
    Show(One),
    /// Makes new runs of dead letters.
    Replay(Box<replay::Replay>),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  windlass dlq list --kind send_email --from 1d
  windlass dlq list --replayed --all --json")]
pub(crate) struct List {
    /// Also those that were replayed.
    #[arg(long)]
    replayed: bool,
    #[command(flatten)]
    filter: FilterFlags,
    #[command(flatten)]
    page: Page,
}

impl Dlq {
    pub(super) async fn run(self, desk: &mut Desk) -> Result {
        match self {
            Self::List(list) => list.run(desk).await,
            Self::Show(one) => show(desk, one.id).await,
            Self::Replay(replay) => replay.run(desk).await,
        }
    }
}

impl List {
    async fn run(self, desk: &mut Desk) -> Result {
        let mut query = self.filter.pairs(desk.now());
        if self.replayed {
            query.push(("open", "false".to_owned()));
        }
        list_jobs(desk, "dead-letters", query, self.page, table).await
    }
}

fn table(jobs: &[Job], now: Timestamp, headings: bool) -> Table {
    const HEADINGS: [&str; 6] = ["id", "kind", "queue", "attempts", "ended", "error"];
    let mut table = if headings {
        Table::new(&HEADINGS)
    } else {
        Table::headless()
    };
    for job in jobs {
        let error = job.error.as_ref();
        let mut told = error.map_or_else(String::new, |error| error.detail.clone());
        if let Some(run) = &job.replayed_as {
            told = format!("replayed as {run}: {told}");
        }
        table.row([
            plain(&job.id),
            plain(&job.kind),
            plain(&job.queue),
            plain(&format!("{}/{}", job.attempt, job.max_attempts)),
            plain(&relative_or_blank(job.ended_at, now)),
            excerpt(&told),
        ]);
    }
    table
}
