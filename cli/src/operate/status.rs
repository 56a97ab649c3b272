//! `windlass status`: one screen for whoever is woken at night, what is wrong first.

mod trouble;

use clap::Args;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

use super::{
    client::{Answer, Repeat, Request},
    desk::{Connection, Desk},
    destination,
    problem::Words,
    queue,
    wire::{Destination, Job, List, Queue, Ready, Schedule, Worker},
    worker,
};
use crate::{
    Result,
    output::{Table, age::counted, clean, table},
};

/// Dead letters are counted up to here: it is one page, and more are too many anyway.
const COUNTED: usize = 1000;

#[derive(Debug, Args)]
#[command(after_help = "\
Exits with 0 when the API and its store answer, whatever is wrong beside that, and with 3 when they
do not.")]
pub(crate) struct Status {
    #[command(flatten)]
    pub(super) connection: Connection,
}

/// Everything that is asked, as it was answered.
struct Answers {
    ready: Answer,
    queues: Answer,
    workers: Answer,
    dead_letters: Answer,
    destinations: Answer,
    schedules: Answer,
}

/// Everything that is shown.
struct View {
    ready: Ready,
    queues: List<Queue>,
    workers: List<Worker>,
    dead_letters: List<Job>,
    destinations: List<Destination>,
    schedules: List<Schedule>,
}

pub(super) async fn run(desk: &mut Desk) -> Result {
    let answers = ask(desk).await?;
    if desk.json() {
        return json(desk, &answers);
    }
    let view = View {
        ready: answers.ready.read()?,
        queues: answers.queues.read()?,
        workers: answers.workers.read()?,
        dead_letters: answers.dead_letters.read()?,
        destinations: answers.destinations.read()?,
        schedules: answers.schedules.read()?,
    };
    desk.printer.line(render(&view))
}

async fn ask(desk: &Desk) -> Result<Answers> {
    let get = async |path: &[&str]| desk.ask(Request::get(path), Words::NONE).await;
    // First, and once: whoever asks wants to hear soon that the store is away.
    let ready = Request::get(&["readyz"]).repeat(Repeat::Unsent);
    let ready = desk.ask(ready, Words::NONE).await?;
    let newest = Request::get(&["v1", "dead-letters"]);
    let newest = newest.query(vec![("limit", COUNTED.to_string())]);
    Ok(Answers {
        ready,
        queues: get(&["v1", "queues"]).await?,
        workers: get(&["v1", "workers"]).await?,
        dead_letters: desk.ask(newest, Words::NONE).await?,
        destinations: get(&["v1", "destinations"]).await?,
        schedules: get(&["v1", "schedules"]).await?,
    })
}

/// The answers as they are, under the names of their addresses; of dead letters their counts.
fn json(desk: &mut Desk, answers: &Answers) -> Result {
    let dead: List<Job> = answers.dead_letters.read()?;
    let dead = serde_json::json!({
        "counted": dead.items.len(),
        "more": dead.next.is_some(),
        "kinds": by_kind(&dead.items),
    });
    let parts = [
        ("ready", answers.ready.text()),
        ("queues", answers.queues.text()),
        ("workers", answers.workers.text()),
        ("destinations", answers.destinations.text()),
        ("schedules", answers.schedules.text()),
        ("dead_letters", &dead.to_string()),
    ];
    let parts: Vec<String> = parts
        .iter()
        .map(|(name, json)| format!("\"{name}\":{json}"))
        .collect();
    let document = format!("{{{}}}", parts.join(","));
    let document = RawValue::from_string(document).map_err(anyhow::Error::from)?;
    desk.printer.document(document.get())
}

fn by_kind(jobs: &[Job]) -> BTreeMap<&str, usize> {
    let mut kinds = BTreeMap::new();
    for job in jobs {
        *kinds.entry(job.kind.as_str()).or_default() += 1;
    }
    kinds
}

fn render(view: &View) -> String {
    // Ages are told by the store's clock: it is at hand here, and it is the one that decides.
    let now = view.ready.now;
    let mut parts = vec![head(view), trouble::render(view)];
    let titled = [
        ("queues", queue::table(&view.queues.items, now)),
        ("workers", worker::table(&view.workers.items, now)),
        ("dead letters", dead_letters(view)),
        (
            "destinations",
            destination::table(&view.destinations.items, now),
        ),
        (
            "schedules",
            super::schedule::table(&view.schedules.items, now),
        ),
    ];
    for (title, table) in titled {
        if !table.is_empty() {
            parts.push(format!("{title}:\n{}", table.render()));
        }
    }
    parts.join("\n\n")
}

fn head(view: &View) -> String {
    let store = &view.ready.store;
    let name = clean::line(&store.name);
    let durability = match store.durability.as_str() {
        "none" => "nothing survives the process",
        "process" => "survives the process, not always a power cut",
        "disk" => "survives a power cut",
        _ => "of unknown durability",
    };
    let jobs: u64 = view.workers.items.iter().map(|worker| worker.running).sum();
    format!(
        "API and store answer at {} ({name}: {durability}); {} with {} at work",
        view.ready.now,
        counted(view.workers.items.len() as u64, "worker"),
        counted(jobs, "job"),
    )
}

fn dead_letters(view: &View) -> Table {
    let mut counts = Table::new(&["kind", "dead letters"]);
    let mark = if view.dead_letters.next.is_some() {
        "+"
    } else {
        ""
    };
    for (kind, count) in by_kind(&view.dead_letters.items) {
        let count = format!("{count}{mark}");
        counts.row([table::plain(kind), table::plain(&count)]);
    }
    counts
}
