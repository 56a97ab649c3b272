//! `windlass schedule`: what recurs and what became of it, pause and resume.

use clap::{Args, Subcommand};
use serde_json::value::RawValue;
use shared::{
    clock::Timestamp,
    config::human::format_duration,
    job::name::Label,
    schedule::{Definition, timing::When},
};
use std::time::Duration;

use super::{
    client::Request,
    desk::Desk,
    filter::checked,
    problem::Words,
    wire::{self, List, Tick},
};
use crate::{
    Result,
    commands::Preview,
    exit::{Code, Failure},
    output::{
        Table,
        age::{relative, relative_or_blank},
        indent,
        table::{excerpt, plain, state},
    },
};

/// A tick that is this late was not judged by anybody.
const LATE: Duration = Duration::from_mins(1);

#[derive(Debug, Subcommand)]
pub(crate) enum Schedule {
    /// Lists schedules, when each fires next, and what became of its last tick.
    List,
    /// Shows one schedule with its last ticks.
    Show(Name),
    /// Pauses a schedule: nothing fires, and ticks missed meanwhile are not made up for.
    Pause(Name),
    /// Resumes a schedule.
    Resume(Name),
    /// Lists when a schedule will fire; asks no API.
    Preview(Preview),
}

#[derive(Debug, Args)]
pub(crate) struct Name {
    /// The schedule.
    #[arg(value_name = "NAME", value_parser = checked::<Label>)]
    name: Label,
}

impl Schedule {
    pub(super) async fn run(self, desk: &mut Desk) -> Result {
        match self {
            Self::List => {
                let request = Request::get(&["v1", "schedules"]);
                let Some(answer) = desk.show(request, Words::NONE).await? else {
                    return Ok(());
                };
                let list: List<wire::Schedule> = answer.read()?;
                let table = table(&list.items, desk.now());
                let none = "no schedules: the configuration has none, or no scheduler has run yet";
                desk.printer.table(table, none)
            }
            Self::Show(Name { name }) => show(desk, &name).await,
            Self::Pause(Name { name }) => set_paused(desk, &name, "pause").await,
            Self::Resume(Name { name }) => set_paused(desk, &name, "resume").await,
            Self::Preview(preview) => preview.run(desk.json()),
        }
    }
}

/// One of the list: schedules have no address of their own.
async fn show(desk: &mut Desk, name: &Label) -> Result {
    let answer = desk
        .ask(Request::get(&["v1", "schedules"]), Words::NONE)
        .await?;
    let all: List<Box<RawValue>> = answer.read()?;
    let typed: List<wire::Schedule> = answer.read()?;
    let found = all.items.iter().zip(&typed.items);
    let mut found = found.filter(|(_, schedule)| schedule.name == name.as_str());
    let Some((json, schedule)) = found.next() else {
        let hint = "`windlass schedule list` shows all there are";
        let told = format!(
            "there is no such schedule: no schedule {:?}\n  {hint}",
            name.as_str()
        );
        return Err(Failure::new(Code::Refused, told));
    };
    if desk.json() {
        return desk.printer.document(json.get());
    }
    desk.printer.line(render(schedule, desk.now()))
}

async fn set_paused(desk: &mut Desk, name: &Label, verb: &str) -> Result {
    let request = Request::post(&["v1", "schedules", name.as_str(), verb]);
    let Some(answer) = desk.show(request, Words::NONE).await? else {
        return Ok(());
    };
    let schedule: wire::Schedule = answer.read()?;
    let told = match (schedule.paused_at, schedule.next_at) {
        (Some(at), _) => format!("{name} is paused since {at}"),
        (None, Some(next)) => format!("{name} fires next {}", relative(next, desk.now())),
        (None, None) => format!("{name} is resumed, and never fires again"),
    };
    desk.printer.line(told)
}

/// The definition, if it is one that this version knows.
fn definition(schedule: &wire::Schedule) -> Option<Definition> {
    serde_json::from_str(schedule.definition.get()).ok()
}

/// Since when a tick waits to be judged; `None` as long as all goes well.
pub(super) fn overdue(schedule: &wire::Schedule, now: Timestamp) -> Option<Timestamp> {
    if schedule.paused_at.is_some() {
        return None;
    }
    let due = definition(schedule)?.timing.when.next(schedule.cursor)?;
    (due + LATE < now).then_some(due)
}

/// When it fires, in the words of the configuration.
fn when(schedule: &wire::Schedule) -> String {
    match definition(schedule).map(|definition| definition.timing.when) {
        Some(When::Cron { cron, zone }) => format!("{cron} ({zone})"),
        Some(When::Every(every)) => format!("every {}", format_duration(every.get())),
        None => "unreadable".to_owned(),
    }
}

fn word(schedule: &wire::Schedule, now: Timestamp) -> &'static str {
    if schedule.paused_at.is_some() {
        "paused"
    } else if overdue(schedule, now).is_some() {
        "overdue"
    } else {
        "ok"
    }
}

pub(super) fn table(schedules: &[wire::Schedule], now: Timestamp) -> Table {
    let mut table = Table::new(&["schedule", "state", "when", "next", "last tick"]);
    for schedule in schedules {
        let last = schedule.ticks.first().map(|tick| told(tick, now));
        table.row([
            plain(&schedule.name),
            state(word(schedule, now)),
            plain(&when(schedule)),
            plain(&relative_or_blank(schedule.next_at, now)),
            excerpt(&last.unwrap_or_default()),
        ]);
    }
    table
}

/// What became of a tick.
fn told(tick: &Tick, now: Timestamp) -> String {
    let age = relative(tick.at, now);
    match &tick.reason {
        Some(reason) => format!("{age} {}: {reason}", tick.status),
        None => format!("{age} {}", tick.status),
    }
}

fn render(schedule: &wire::Schedule, now: Timestamp) -> String {
    let mut facts = Table::headless();
    facts.row([plain("schedule"), plain(&schedule.name)]);
    facts.row([plain("state"), state(word(schedule, now))]);
    facts.row([plain("when"), plain(&when(schedule))]);
    let times = [
        ("paused", schedule.paused_at),
        ("next", schedule.next_at),
        ("overdue since", overdue(schedule, now)),
        ("judged up to", Some(schedule.cursor)),
    ];
    for (name, at) in times {
        if let Some(at) = at {
            let told = format!("{at} ({})", relative(at, now));
            facts.row([plain(name), plain(&told)]);
        }
    }
    let mut parts = vec![facts.render()];
    let definition = indent(schedule.definition.get(), 0).replace('\n', "\n  ");
    parts.push(format!("definition:\n  {definition}"));
    if !schedule.ticks.is_empty() {
        let mut ticks = Table::new(&["tick", "when", "status", "job", "reason"]);
        for tick in &schedule.ticks {
            ticks.row([
                plain(&tick.at.to_string()),
                plain(&relative(tick.at, now)),
                state(&tick.status),
                plain(tick.job.as_deref().unwrap_or_default()),
                plain(tick.reason.as_deref().unwrap_or_default()),
            ]);
        }
        parts.push(format!("ticks:\n{}", ticks.render()));
    }
    parts.join("\n\n")
}
