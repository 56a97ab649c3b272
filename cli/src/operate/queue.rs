//! `windlass queue`: what each queue holds, pause and resume.

use clap::{Args, Subcommand};
use serde_json::json;
use shared::{clock::Timestamp, job::QueueName};

use super::{
    client::{Answer, Request},
    desk::Desk,
    filter::checked,
    problem::Words,
    wire::{self, List},
};
use crate::{
    Result,
    output::{
        Table,
        age::{relative, relative_or_blank},
        table::{plain, state},
    },
};

#[derive(Debug, Subcommand)]
pub(crate) enum Queue {
    /// Lists queues and how many jobs of each state they hold.
    List,
    /// Shows one queue.
    Show(Name),
    /// Pauses queues: nothing of them is claimed; what runs, runs on.
    Pause(Names),
    /// Resumes queues.
    Resume(Names),
}

#[derive(Debug, Args)]
pub(crate) struct Name {
    /// The queue.
    #[arg(value_name = "QUEUE", value_parser = checked::<QueueName>)]
    name: QueueName,
}

#[derive(Debug, Args)]
pub(crate) struct Names {
    /// The queues.
    #[arg(value_name = "QUEUE", required = true, value_parser = checked::<QueueName>)]
    names: Vec<QueueName>,
}

impl Queue {
    pub(super) async fn run(self, desk: &mut Desk) -> Result {
        match self {
            Self::List => {
                let request = Request::get(&["v1", "queues"]);
                let Some(answer) = desk.show(request, Words::NONE).await? else {
                    return Ok(());
                };
                let list: List<wire::Queue> = answer.read()?;
                let table = table(&list.items, desk.now());
                let none = "no queues yet: a queue is known once a job was accepted into it";
                desk.printer.table(table, none)
            }
            Self::Show(Name { name }) => {
                let request = Request::get(&["v1", "queues", name.as_str()]);
                let Some(answer) = desk.show(request, Words::NONE).await? else {
                    return Ok(());
                };
                let table = facts(&answer.read()?, desk.now());
                desk.printer.table(table, "")
            }
            Self::Pause(Names { names }) => set_paused(desk, &names, true).await,
            Self::Resume(Names { names }) => set_paused(desk, &names, false).await,
        }
    }
}

async fn set_paused(desk: &mut Desk, names: &[QueueName], paused: bool) -> Result {
    let mut done = Vec::new();
    for name in names {
        let request = Request::patch(&["v1", "queues", name.as_str()]);
        let request = request.body(&json!({ "paused": paused }))?;
        let answer = desk.ask(request, Words::NONE).await;
        let answer = answer.map_err(|failure| failure.about(name.as_str()))?;
        if desk.json() {
            done.push(answer);
        } else {
            let queue: wire::Queue = answer.read()?;
            let told = match queue.paused_at {
                Some(at) => format!("{name} is paused since {at}"),
                None => format!("{name} is open"),
            };
            desk.printer.line(told)?;
        }
    }
    if desk.json() {
        let items: Vec<&str> = done.iter().map(Answer::text).collect();
        let list = format!("{{\"items\":[{}],\"next\":null}}", items.join(","));
        return desk.printer.document(&list);
    }
    Ok(())
}

/// The states of jobs that say how a queue is doing, as columns.
const STATES: [&str; 6] = [
    "available",
    "running",
    "scheduled",
    "retryable",
    "completed",
    "discarded",
];

/// Queues as a table.
pub(super) fn table(queues: &[wire::Queue], now: Timestamp) -> Table {
    let mut headings = vec!["queue", "state"];
    headings.extend(STATES);
    headings.push("oldest available");
    let mut table = Table::new(&headings);
    for queue in queues {
        let mut cells = vec![plain(&queue.name), paused(queue)];
        cells.extend(STATES.map(|state| plain(&count(queue, state))));
        cells.push(plain(&relative_or_blank(queue.oldest_available_at, now)));
        table.row(cells);
    }
    table
}

fn paused(queue: &wire::Queue) -> comfy_table::Cell {
    state(if queue.paused_at.is_some() {
        "paused"
    } else {
        "open"
    })
}

/// A number that is marked where it is an estimate.
fn count(queue: &wire::Queue, state: &str) -> String {
    let mark = if queue.exact { "" } else { "~" };
    format!("{mark}{}", queue.count(state))
}

fn facts(queue: &wire::Queue, now: Timestamp) -> Table {
    let mut table = Table::headless();
    table.row([plain("queue"), plain(&queue.name)]);
    table.row([plain("state"), paused(queue)]);
    if let Some(at) = queue.paused_at {
        let told = format!("{at} ({})", relative(at, now));
        table.row([plain("paused"), plain(&told)]);
    }
    for state in queue.counts.keys() {
        table.row([plain(state), plain(&count(queue, state))]);
    }
    if let Some(at) = queue.oldest_available_at {
        let told = format!("{at} ({})", relative(at, now));
        table.row([plain("oldest available"), plain(&told)]);
    }
    table
}
