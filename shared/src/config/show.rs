//! Showing a configuration: what holds, where it came from, and nothing that is secret.

use serde::Serialize;
use std::fmt::{self, Write as _};
use toml::{Table, Value};

use super::{
    Fault, Faults, Loaded,
    human::about,
    origin::{Origin, join},
};
use crate::secret::{REDACTED, sounds_secret};

/// Tables that are shown on one line: they hold whatever people like.
const ON_ONE_LINE: [&str; 4] = ["args", "headers", "query", "select"];

/// The configuration that holds, as TOML, the sections and keys in the order of the reference.
/// Beside each value that some layer set stands where. Secrets are [`REDACTED`], and so is what
/// sounds like a secret within the args of a schedule.
pub fn render(loaded: &Loaded) -> String {
    let table = match values(loaded) {
        Ok(table) => table,
        Err(error) => return format!("# cannot be shown: {error}\n"),
    };
    let mut page = Page {
        text: String::new(),
        loaded,
    };
    page.table("", &table);
    page.text
}

/// The same for programs: the values alone.
///
/// # Errors
/// When a value is one that TOML cannot spell.
pub fn values(loaded: &Loaded) -> Result<Table, toml::ser::Error> {
    let mut table = Table::try_from(&loaded.config)?;
    redact(&mut table);
    Ok(table)
}

/// Hides what sounds like a secret in args, which nobody checks.
fn redact(config: &mut Table) {
    let schedules = config.get_mut("schedules").and_then(Value::as_table_mut);
    for (_, schedule) in schedules.into_iter().flat_map(Table::iter_mut) {
        if let Some(args) = schedule.get_mut("args") {
            hide(args);
        }
    }
}

fn hide(value: &mut Value) {
    match value {
        Value::Table(table) => {
            for (name, value) in table.iter_mut() {
                if sounds_secret(name) {
                    *value = Value::String(REDACTED.to_owned());
                } else {
                    hide(value);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(hide),
        _ => {}
    }
}

struct Page<'l> {
    text: String,
    loaded: &'l Loaded,
}

impl Page<'_> {
    fn table(&mut self, path: &str, table: &Table) {
        let is_section = |key: &str, value: &Value| match value {
            Value::Table(_) => !ON_ONE_LINE.contains(&key),
            Value::Array(_) => key == "metrics",
            _ => false,
        };
        for (key, value) in table.iter().filter(|(key, value)| !is_section(key, value)) {
            self.line(path, key, value);
        }
        if path == "retry" {
            self.give_up();
        }
        for (key, value) in table.iter().filter(|(key, value)| is_section(key, value)) {
            let path = join(path, key);
            match value {
                Value::Table(inner) => {
                    self.heading(&format!("[{path}]"));
                    self.table(&path, inner);
                }
                Value::Array(items) => {
                    for (index, item) in items.iter().enumerate() {
                        self.heading(&format!("[[{path}]]"));
                        if let Value::Table(inner) = item {
                            self.table(&format!("{path}[{index}]"), inner);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn heading(&mut self, heading: &str) {
        let gap = if self.text.is_empty() { "" } else { "\n" };
        self.write(format_args!("{gap}{heading}\n"));
    }

    fn line(&mut self, path: &str, key: &str, value: &Value) {
        let line = format!("{} = {value}", join("", key));
        match self.origin(&join(path, key)) {
            Some(origin) => self.write(format_args!("{line:<38}  # {origin}\n")),
            None => self.write(format_args!("{line}\n")),
        }
    }

    /// Where a value came from, unless it is the default.
    fn origin(&self, key: &str) -> Option<String> {
        let set = |origin: &&Origin| **origin != Origin::Default;
        if let Some(origin) = self.loaded.origin(key).filter(set) {
            return Some(origin.to_string());
        }
        let file = format!("{key}_file");
        self.loaded
            .origin(&file)
            .map(|origin| format!("the file named at {origin}"))
    }

    fn give_up(&mut self) {
        let retry = &self.loaded.config.retry;
        let window = about(retry.expected_window());
        let attempts = retry.max_attempts;
        self.write(format_args!(
            "# A job that keeps failing is given up after {window} on average: {attempts} attempts.\n"
        ));
    }

    fn write(&mut self, text: fmt::Arguments<'_>) {
        // Writing to a text cannot fail.
        self.text.write_fmt(text).unwrap_or_default();
    }
}

/// The answer of `config check`, for people (`Display`) and for programs (`Serialize`).
#[derive(Debug, Clone, Serialize)]
pub struct Verdict<'f> {
    /// Whether nothing is wrong.
    pub ok: bool,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub faults: Option<&'f Faults>,
    /// What may not be meant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Fault>,
}

impl<'f> Verdict<'f> {
    /// The verdict on what loading gave.
    pub fn of(loaded: &'f Result<Loaded, Faults>) -> Self {
        let faults = loaded.as_ref().err();
        Self {
            ok: faults.is_none(),
            faults,
            warnings: loaded.as_ref().map_or_else(|_| Vec::new(), warnings),
        }
    }
}

impl fmt::Display for Verdict<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.faults {
            Some(faults) => faults.fmt(f)?,
            None => f.write_str("ok")?,
        }
        self.warnings
            .iter()
            .try_for_each(|warning| write!(f, "\n\nwarning: {warning}"))
    }
}

fn warnings(loaded: &Loaded) -> Vec<Fault> {
    let warnings = loaded.config.warnings().into_iter();
    let placed = warnings.map(|warning| Fault {
        origin: loaded.origin(&warning.key).cloned(),
        ..warning
    });
    loaded.exposed().into_iter().chain(placed).collect()
}
