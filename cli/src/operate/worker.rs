//! `windlass worker list`: who lives, and what they do.

use clap::Subcommand;
use shared::clock::Timestamp;

use super::{
    client::Request,
    desk::{Connection, Desk},
    problem::Words,
    wire::{List, Worker},
};
use crate::{
    Result,
    output::{
        Table,
        age::relative,
        table::{number, plain, state},
    },
    serve::block_on,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Workers {
    /// Lists the workers that live, and how many jobs each holds.
    List {
        #[command(flatten)]
        connection: Connection,
    },
}

impl Workers {
    pub(crate) fn run(self) -> Result {
        let Self::List { connection } = self;
        let mut desk = Desk::open(&connection)?;
        block_on(list(&mut desk))?
    }
}

pub(super) async fn list(desk: &mut Desk) -> Result {
    let request = Request::get(&["v1", "workers"]);
    let Some(answer) = desk.show(request, Words::NONE).await? else {
        return Ok(());
    };
    let list: List<Worker> = answer.read()?;
    let table = table(&list.items, desk.now());
    let none = "no worker runs: `windlass worker` starts one";
    desk.printer.table(table, none)
}

/// Workers as a table.
pub(super) fn table(workers: &[Worker], now: Timestamp) -> Table {
    const HEADINGS: [&str; 9] = [
        "id", "state", "name", "host", "pid", "version", "jobs", "heard of", "queues",
    ];
    let mut table = Table::new(&HEADINGS);
    for worker in workers {
        let queues = if worker.queues.is_empty() {
            "all".to_owned()
        } else {
            worker.queues.join(", ")
        };
        table.row([
            number(worker.id),
            state(if worker.lives(now) { "ok" } else { "silent" }),
            plain(&worker.name),
            plain(&worker.host),
            number(worker.pid),
            plain(&worker.version),
            plain(&format!("{}/{}", worker.running, worker.concurrency)),
            plain(&relative(worker.beat_at, now)),
            plain(&queues),
        ]);
    }
    table
}
