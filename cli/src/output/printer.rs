//! Where a command prints: data to one stream, hints and progress to the other.

use std::{
    fmt::Display,
    io::{ErrorKind, IsTerminal as _, Write},
};

use super::{Table, indent, one_line};
use crate::{Result, exit::Failure};

/// The two streams of a command, and which form its data has.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says another thing about a stream"
)]
pub(crate) struct Printer {
    /// Whether data is printed as JSON.
    pub(crate) json: bool,
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    /// Whether somebody watches the error stream.
    watched: bool,
    /// Whether the line of progress is still open.
    under_way: bool,
    gone: bool,
}

impl std::fmt::Debug for Printer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Printer")
            .field("json", &self.json)
            .finish_non_exhaustive()
    }
}

impl Printer {
    /// The streams of this process.
    pub(crate) fn new(json: bool) -> Self {
        Self {
            json,
            out: Box::new(anstream::stdout()),
            err: Box::new(anstream::stderr()),
            watched: std::io::stderr().is_terminal(),
            under_way: false,
            gone: false,
        }
    }

    /// Other streams.
    #[cfg(test)]
    pub(crate) fn to(
        json: bool,
        out: impl Write + Send + 'static,
        err: impl Write + Send + 'static,
    ) -> Self {
        Self {
            json,
            out: Box::new(out),
            err: Box::new(err),
            watched: true,
            under_way: false,
            gone: false,
        }
    }

    /// Whether nobody reads any more: what would go on printing should end.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone
    }

    /// Prints a line of data.
    ///
    /// # Errors
    /// When it cannot be written. A reader that has gone is no failure.
    pub(crate) fn line(&mut self, text: impl Display) -> Result {
        self.write(format_args!("{text}\n"))
    }

    /// Prints a part of a line of data.
    ///
    /// # Errors
    /// As [`Printer::line`].
    pub(crate) fn part(&mut self, text: impl Display) -> Result {
        self.write(format_args!("{text}"))
    }

    /// Prints a table, or `none` to the error stream when it has no rows.
    ///
    /// # Errors
    /// As [`Printer::line`].
    pub(crate) fn table(&mut self, table: Table, none: &str) -> Result {
        if table.is_empty() {
            self.hint(none);
            return Ok(());
        }
        self.line(table.render())
    }

    /// Prints a JSON document, laid out.
    ///
    /// # Errors
    /// As [`Printer::line`].
    pub(crate) fn document(&mut self, json: &str) -> Result {
        self.line(indent(json, 0))
    }

    /// Prints a JSON document as one line of many.
    ///
    /// # Errors
    /// As [`Printer::line`].
    pub(crate) fn record(&mut self, json: &str) -> Result {
        self.line(one_line(json))
    }

    /// Tells something beside the data. That nobody hears it changes nothing.
    pub(crate) fn hint(&mut self, text: impl Display) {
        drop(writeln!(self.err, "{text}"));
    }

    /// Tells how far it is, over what was told before; only to somebody who watches.
    pub(crate) fn progress(&mut self, text: impl Display) {
        if self.watched {
            drop(write!(self.err, "\r{text}"));
            drop(self.err.flush());
            self.under_way = true;
        }
    }

    /// Ends the line of progress.
    pub(crate) fn progress_over(&mut self) {
        if std::mem::take(&mut self.under_way) {
            drop(writeln!(self.err));
        }
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) -> Result {
        if self.gone {
            return Ok(());
        }
        match self.out.write_fmt(text).and_then(|()| self.out.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.gone = true;
                Ok(())
            }
            other => other.map_err(Failure::from),
        }
    }
}
