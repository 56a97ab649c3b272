//! `windlass destination`: how each fares, and switching one on again.

use clap::Subcommand;
use shared::{clock::Timestamp, job::name::Label};

use super::{
    client::Request,
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
        table::{excerpt, number, plain, state},
    },
};

#[derive(Debug, Subcommand)]
pub(crate) enum Destination {
    /// Lists destinations: how much waits for each, and how it fares.
    List,
    /// Lets sending start again to destinations that were disabled.
    Enable {
        /// The destinations.
        #[arg(value_name = "NAME", required = true, value_parser = checked::<Label>)]
        names: Vec<Label>,
    },
}

impl Destination {
    pub(super) async fn run(self, desk: &mut Desk) -> Result {
        match self {
            Self::List => {
                let request = Request::get(&["v1", "destinations"]);
                let Some(answer) = desk.show(request, Words::NONE).await? else {
                    return Ok(());
                };
                let list: List<wire::Destination> = answer.read()?;
                let table = table(&list.items, desk.now());
                let none = "the configuration has no destinations";
                desk.printer.table(table, none)
            }
            Self::Enable { names } => {
                for name in names {
                    let path = ["v1", "destinations", name.as_str(), "enable"];
                    let request = Request::post(&path);
                    if let Some(answer) = desk.show(request, Words::NONE).await? {
                        let now: wire::Destination = answer.read()?;
                        let told = format!("{name} is enabled; {} entries wait", now.waiting);
                        desk.printer.line(told)?;
                    }
                }
                Ok(())
            }
        }
    }
}

/// Destinations as a table.
pub(super) fn table(destinations: &[wire::Destination], now: Timestamp) -> Table {
    const HEADINGS: [&str; 6] = [
        "destination",
        "state",
        "waiting",
        "oldest",
        "succeeded",
        "last failure",
    ];
    let mut table = Table::new(&HEADINGS);
    for destination in destinations {
        table.row([
            plain(&destination.name),
            state(word(destination)),
            number(destination.waiting),
            plain(&relative_or_blank(destination.oldest_at, now)),
            plain(&relative_or_blank(destination.succeeded_at, now)),
            excerpt(&trouble(destination, now)),
        ]);
    }
    table
}

fn word(destination: &wire::Destination) -> &'static str {
    if destination.disabled.is_some() {
        "disabled"
    } else if destination.fails() {
        "failing"
    } else {
        "ok"
    }
}

/// Why it is disabled, or how it last failed.
fn trouble(destination: &wire::Destination, now: Timestamp) -> String {
    let since = destination
        .disabled
        .as_ref()
        .or(destination.failed.as_ref());
    since.map_or_else(String::new, |since| {
        format!("{}: {}", relative(since.at, now), since.reason)
    })
}
