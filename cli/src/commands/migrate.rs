//! `windlass migrate`: the schema of a store.

use clap::{Args, Subcommand};
use serde::Serialize;
use shared::{
    clock::Clock,
    store::{
        migrate::{self, Step},
        redacted_url,
    },
};

use crate::{
    Result,
    args::{ConfigFlags, Format},
    output,
    serve::block_on,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Migrate {
    /// Brings the store to the newest schema.
    Up(Up),
    /// Shows which migrations the store has, and which are still to come.
    Status(Status),
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Tries the steps and takes them back.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    config: ConfigFlags,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    config: ConfigFlags,
    #[command(flatten)]
    format: Format,
}

/// A step as programs read it.
#[derive(Serialize)]
struct Row<'s> {
    number: u32,
    name: &'s str,
    breaking: bool,
    known: bool,
    applied_at: Option<String>,
}

impl Migrate {
    pub(crate) fn run(self) -> Result {
        match self {
            Self::Up(up) => up.run(),
            Self::Status(status) => status.run(),
        }
    }
}

impl Up {
    fn run(self) -> Result {
        let url = store_url(&self.config)?;
        let now = Clock::system().now();
        let taken = block_on(migrate::up(&url, now, self.dry_run))??;
        if self.format.json {
            return print_json(&taken);
        }
        let url = redacted_url(&url);
        if taken.is_empty() {
            return output::text(format_args!("{url} has the newest schema"));
        }
        let word = if self.dry_run { "would get" } else { "got" };
        for step in &taken {
            output::text(format_args!(
                "{url} {word} {:04} {}",
                step.number, step.name
            ))?;
        }
        Ok(())
    }
}

impl Status {
    fn run(self) -> Result {
        let url = store_url(&self.config)?;
        let steps = block_on(migrate::status(&url))??;
        if self.format.json {
            return print_json(&steps);
        }
        if steps.is_empty() {
            return output::text(format_args!("{} has no schema", redacted_url(&url)));
        }
        let rows = steps.iter().map(|step| {
            let applied = step
                .applied_at
                .map_or("still to come".to_owned(), |at| at.to_string());
            let known = if step.known {
                ""
            } else {
                "made by a newer program"
            };
            vec![
                format!("{:04}", step.number),
                step.name.clone(),
                applied,
                known.to_owned(),
            ]
        });
        output::table(&["number", "name", "applied at", ""], rows)
    }
}

fn store_url(config: &ConfigFlags) -> Result<String> {
    Ok(config.load()?.config.store.address())
}

fn print_json(steps: &[Step]) -> Result {
    let rows: Vec<Row<'_>> = steps
        .iter()
        .map(|step| Row {
            number: step.number,
            name: &step.name,
            breaking: step.breaking,
            known: step.known,
            applied_at: step.applied_at.map(|at| at.to_string()),
        })
        .collect();
    output::json(&rows)
}
