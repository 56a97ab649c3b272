//! Tables: a row of headings, then the rows, columns aligned, no lines drawn.

use comfy_table::{Cell, Color, ColumnConstraint, ContentArrangement, Width, presets};

use super::clean;

/// The last column is not made narrower than this, however narrow the terminal is: an id fits.
const NARROWEST: Width = Width::Fixed(36);

/// Most characters of a message that stands in a table.
const EXCERPT: usize = 100;

/// A table. On a terminal the last column wraps; the others stay whole, because ids and names are
/// copied from them.
#[derive(Debug)]
pub(crate) struct Table(comfy_table::Table);

impl Table {
    /// A table with these headings.
    pub(crate) fn new(headings: &[&str]) -> Self {
        let mut table = Self::headless();
        table
            .0
            .set_header(headings.iter().map(|heading| heading.to_uppercase()));
        table
    }

    /// A table without headings: what continues one, or names and values.
    pub(crate) fn headless() -> Self {
        let mut table = comfy_table::Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic)
            // Whether colours are shown is decided by the stream that they are written to.
            .enforce_styling()
            .style_text_only();
        Self(table)
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.0.add_row(cells.into_iter().collect::<Vec<Cell>>());
    }

    /// Whether it has no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The table as text, without a line break at its end.
    pub(crate) fn render(mut self) -> String {
        let last = self.0.column_count().saturating_sub(1);
        for (index, column) in self.0.column_iter_mut().enumerate() {
            column.set_padding((0, 2));
            column.set_constraint(if index == last {
                ColumnConstraint::LowerBoundary(NARROWEST)
            } else {
                ColumnConstraint::ContentWidth
            });
        }
        self.0.trim_fmt()
    }
}

/// A cell with a text from anywhere, made harmless.
pub(crate) fn plain(text: &str) -> Cell {
    Cell::new_owned(clean::line(text).into_owned())
}

/// A cell with a number.
pub(crate) fn number(number: impl Into<u64>) -> Cell {
    Cell::new_owned(number.into().to_string())
}

/// A cell with the beginning of a text that may be long.
pub(crate) fn excerpt(text: &str) -> Cell {
    let clean = clean::line(text);
    let mut chars = clean.chars();
    let start: String = chars.by_ref().take(EXCERPT).collect();
    if chars.next().is_some() {
        Cell::new_owned(format!("{start}…"))
    } else {
        Cell::new_owned(start)
    }
}

/// A cell with the state of something, in the colour of how well that is.
pub(crate) fn state(text: &str) -> Cell {
    let cell = plain(text);
    match text.split_whitespace().next().unwrap_or_default() {
        "completed" | "published" | "ready" | "ok" => cell.fg(Color::Green),
        "running" => cell.fg(Color::Cyan),
        "retryable" | "paused" | "partial" | "overdue" => cell.fg(Color::Yellow),
        "discarded" | "disabled" | "failing" | "failed" | "silent" => cell.fg(Color::Red),
        _ => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(table: Table) -> String {
        anstream::adapter::strip_str(&table.render()).to_string()
    }

    #[test]
    fn columns_are_aligned_and_nothing_a_job_says_breaks_a_row() {
        let mut table = Table::new(&["id", "state", "error"]);
        table.row([plain("1"), state("completed"), plain("")]);
        table.row([plain("2"), state("discarded"), plain("a\nb\u{1b}[2J")]);
        insta::assert_snapshot!(bare(table), @r"
        ID  STATE      ERROR
        1   completed
        2   discarded  a\nb\u{1b}[2J
        ");
    }

    #[test]
    fn a_state_is_coloured_and_other_text_is_not() {
        let rendered = |cell| {
            let mut table = Table::headless();
            table.row([cell]);
            table.render()
        };
        assert!(rendered(state("discarded")).contains('\u{1b}'));
        assert!(!rendered(plain("discarded")).contains('\u{1b}'));
    }

    #[test]
    fn a_long_message_is_cut_and_says_so() {
        let mut table = Table::headless();
        table.row([excerpt(&"x".repeat(5000))]);
        let text = bare(table);
        assert_eq!(text.chars().count(), EXCERPT + 1);
        assert!(text.ends_with('…'), "{text}");
    }
}
