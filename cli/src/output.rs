//! What is printed: tables for people, JSON for programs. Data goes to the standard output stream.

use serde::Serialize;
use std::io::{ErrorKind, Write as _};

use crate::{Result, exit::Failure};

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

/// Prints a value as JSON, indented.
///
/// # Errors
/// As [`text`].
pub(crate) fn json(value: &impl Serialize) -> Result {
    let json = serde_json::to_string_pretty(value).map_err(anyhow::Error::from)?;
    text(json)
}

/// Prints a table: a row of headings, then the rows, columns aligned, no lines drawn. Long cells
/// wrap on a terminal and stay whole elsewhere.
///
/// # Errors
/// As [`text`].
pub(crate) fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Result {
    let mut table = comfy_table::Table::new();
    table
        .load_style(comfy_table::presets::NOTHING)
        .set_content_arrangement(comfy_table::ContentArrangement::Dynamic)
        .set_header(headings.iter().map(|heading| heading.to_uppercase()));
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    text(table.trim_fmt())
}
