//! What is printed: tables for people, JSON for programs. Data goes to the standard output stream.

pub(crate) mod age;
pub(crate) mod clean;
mod indent;
mod printer;
pub(crate) mod table;

use anstyle::{AnsiColor, Style};
use serde::Serialize;
use std::io::{ErrorKind, Write as _};

use crate::{Result, exit::Failure};
pub(crate) use indent::{indent, one_line};
pub(crate) use printer::Printer;
pub(crate) use table::Table;

/// Prints a text as it stands.
///
/// # Errors
/// When it cannot be written. A reader that has gone (`windlass ... | head`) is no failure.
pub(crate) fn text(text: impl std::fmt::Display) -> Result {
    match writeln!(anstream::stdout(), "{text}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(Failure::from),
    }
}

/// Tells what may not be meant on the error stream, in yellow where it is a terminal. Whoever reads
/// may have gone.
pub(crate) fn warn(warning: impl std::fmt::Display) {
    let yellow = Style::new().bold().fg_color(Some(AnsiColor::Yellow.into()));
    drop(writeln!(
        anstream::stderr(),
        "{yellow}warning:{yellow:#} {warning}"
    ));
}

/// Prints a value as JSON, indented.
///
/// # Errors
/// As [`text`].
pub(crate) fn json(value: &impl Serialize) -> Result {
    let json = serde_json::to_string_pretty(value).map_err(anyhow::Error::from)?;
    text(json)
}

/// Prints a table of plain texts; see [`Table`].
///
/// # Errors
/// As [`text`].
pub(crate) fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Result {
    let mut table = Table::new(headings);
    for row in rows {
        table.row(row.iter().map(|cell| table::plain(cell)));
    }
    text(table.render())
}
