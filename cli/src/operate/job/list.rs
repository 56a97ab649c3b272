//! Lists of jobs, page after page.

use clap::Args;
use serde_json::value::RawValue;
use shared::{clock::Timestamp, job::State};

use crate::{
    Result,
    operate::{
        client::Request,
        desk::Desk,
        filter::{self, FilterFlags, checked},
        problem::Words,
        wire::{self, Job},
    },
    output::{
        Table,
        age::relative,
        clean, indent,
        table::{excerpt, plain, state},
    },
};

/// Most items that the API puts on one page.
const MOST_PER_PAGE: u64 = 1000;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  windlass job list --state retryable,discarded --from 2h
  windlass job list --queue mail --tag tenant:42 --all --json | jq -r '.items[].id'

States: scheduled, available, running, retryable, completed, cancelled, discarded.")]
pub(crate) struct List {
    /// Only in this state; may be repeated.
    #[arg(long, value_name = "STATE", value_delimiter = ',', value_parser = checked::<State>)]
    state: Vec<State>,
    #[command(flatten)]
    filter: FilterFlags,
    #[command(flatten)]
    page: Page,
}

/// How much of a list.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Page")]
pub(crate) struct Page {
    /// How many at most.
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 50,
        value_parser = clap::value_parser!(u64).range(1..),
    )]
    limit: u64,
    /// All of them.
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// Goes on where a list ended.
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

impl List {
    pub(super) async fn run(self, desk: &mut Desk) -> Result {
        let mut query = self.filter.pairs(desk.now());
        if !self.state.is_empty() {
            let states: Vec<String> = self.state.iter().map(ToString::to_string).collect();
            query.push(("state", states.join(",")));
        }
        list_jobs(desk, "jobs", query, self.page, jobs_table).await
    }
}

/// Makes a table of jobs, with headings on the first page.
type Layout = fn(&[Job], Timestamp, bool) -> Table;

/// Prints a list of jobs, following its cursors. What was printed stays one JSON document if a
/// page fails: its `next` says where to go on.
pub(crate) async fn list_jobs(
    desk: &mut Desk,
    path: &str,
    query: Vec<(&'static str, String)>,
    page: Page,
    layout: Layout,
) -> Result {
    let mut left = if page.all { u64::MAX } else { page.limit };
    let mut cursor = page.cursor;
    let mut first = true;
    let failed = loop {
        let mut query = query.clone();
        query.push(("limit", left.min(MOST_PER_PAGE).to_string()));
        query.extend(cursor.clone().map(|cursor| ("cursor", cursor)));
        let request = Request::get(&["v1", path]).query(query);
        let answer = match desk.ask(request, Words::Flags(&filter::FLAGS)).await {
            Ok(answer) => answer,
            Err(failure) if first => return Err(failure),
            Err(failure) => break Some(failure),
        };
        let count = if desk.json() {
            let list: wire::List<Box<RawValue>> = answer.read()?;
            cursor = list.next;
            json_page(desk, &list.items, first)?;
            list.items.len()
        } else {
            let list: wire::List<Job> = answer.read()?;
            cursor = list.next;
            if !list.items.is_empty() {
                let table = layout(&list.items, desk.now(), first);
                desk.printer.line(table.render())?;
            }
            list.items.len()
        };
        // Pages may be empty and still have a next one.
        first = first && count == 0;
        left = left.saturating_sub(count as u64);
        if cursor.is_none() || left == 0 || desk.printer.is_gone() {
            break None;
        }
    };
    finish(desk, cursor.as_deref(), first)?;
    failed.map_or(Ok(()), Err)
}

fn json_page(desk: &mut Desk, items: &[Box<RawValue>], first: bool) -> Result {
    for (index, item) in items.iter().enumerate() {
        let before = if first && index == 0 {
            "{\n  \"items\": ["
        } else {
            ","
        };
        let item = indent(item.get(), 2);
        desk.printer.part(format_args!("{before}\n    {item}"))?;
    }
    Ok(())
}

fn finish(desk: &mut Desk, next: Option<&str>, empty: bool) -> Result {
    if desk.json() {
        let next = serde_json::to_string(&next).map_err(anyhow::Error::from)?;
        let items = if empty { "{\n  \"items\": []" } else { "\n  ]" };
        let end = format_args!("{items},\n  \"next\": {next}\n}}");
        return desk.printer.line(end);
    }
    match next {
        None if empty => desk.printer.hint("none"),
        None => {}
        Some(next) => desk.printer.hint(format_args!(
            "there is more: --all, --limit COUNT, or --cursor {}",
            clean::line(next)
        )),
    }
    Ok(())
}

/// Jobs as a table.
pub(crate) fn jobs_table(jobs: &[Job], now: Timestamp, headings: bool) -> Table {
    const HEADINGS: [&str; 7] = [
        "id",
        "state",
        "kind",
        "queue",
        "attempt",
        "accepted",
        "when and why",
    ];
    let mut table = if headings {
        Table::new(&HEADINGS)
    } else {
        Table::headless()
    };
    for job in jobs {
        table.row([
            plain(&job.id),
            state(&job.state),
            plain(&job.kind),
            plain(&job.queue),
            plain(&format!("{}/{}", job.attempt, job.max_attempts)),
            plain(&relative(job.accepted_at, now)),
            excerpt(&moment(job, now)),
        ]);
    }
    table
}

/// What a job waits for, or when and how it ended.
fn moment(job: &Job, now: Timestamp) -> String {
    let told = match (job.state.as_str(), job.due_at, job.claimed_at, job.ended_at) {
        ("scheduled" | "retryable", Some(due), _, _) => format!("due {}", relative(due, now)),
        ("running", _, Some(claimed), _) => format!("began {}", relative(claimed, now)),
        ("available", Some(since), _, _) => format!("ready {}", relative(since, now)),
        (_, _, _, Some(ended)) => format!("ended {}", relative(ended, now)),
        _ => String::new(),
    };
    match &job.error {
        Some(error) => format!("{told}: {}", error.detail),
        None => told,
    }
}
