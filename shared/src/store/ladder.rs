//! The ladder of a store: which migrations there are, which a store has, and whether this program
//! may use it. What is the same for every SQL store; climbing is each store's own.

use sha2::{Digest, Sha256};
use std::fmt::Write as _;

use super::{Error, Result, migrate::Step};
use crate::clock::Timestamp;

/// The ladder of a store from the names of its files in `migrations`, in order:
/// `ladder!("sqlite": "0001_jobs", "0002_schedules")`.
macro_rules! ladder {
    ($store:literal: $($file:literal),+ $(,)?) => {
        &[$($crate::store::ladder::Migration::new(
            $file,
            include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"), "/../migrations/", $store, "/", $file, ".sql"
            )),
        )),+]
    };
}
pub(super) use ladder;

/// One rung: a file of `migrations`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Migration {
    /// The number in the name of the file.
    pub(super) number: u32,
    /// The rest of its name.
    pub(super) name: &'static str,
    /// What it does.
    pub(super) text: &'static str,
}

impl Migration {
    /// The migration of a file that is called `0001_name`.
    ///
    /// # Panics
    /// When it is called otherwise; where a ladder is a constant, the program does not compile.
    pub(super) const fn new(file: &'static str, text: &'static str) -> Self {
        let (number, name) = file.split_at(5);
        let [thousands, hundreds, tens, ones, b'_'] = number.as_bytes() else {
            panic!("files of migrations are called 0001_name");
        };
        Self {
            number: digit(*thousands) * 1000
                + digit(*hundreds) * 100
                + digit(*tens) * 10
                + digit(*ones),
            name,
            text,
        }
    }

    /// Whether programs that do not know it must keep away from a store that has it.
    pub(super) fn is_breaking(&self) -> bool {
        self.text.starts_with("-- breaking")
    }

    pub(super) fn checksum(&self) -> String {
        hex(Sha256::digest(self.text.as_bytes()).as_slice())
    }

    pub(super) fn step(&self, applied_at: Option<Timestamp>) -> Step {
        Step {
            number: self.number,
            name: self.name.to_owned(),
            breaking: self.is_breaking(),
            known: true,
            applied_at,
        }
    }
}

const fn digit(letter: u8) -> u32 {
    assert!(letter.is_ascii_digit(), "the number has four digits");
    (letter - b'0') as u32
}

fn hex(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(hex, "{byte:02x}").expect("writing to a string cannot fail");
    }
    hex
}

/// A migration that a store has, as the store tells it.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) number: u32,
    pub(super) name: String,
    pub(super) checksum: String,
    pub(super) breaking: bool,
    pub(super) at: Timestamp,
}

/// Where a store without a schema stands: all is to be climbed.
pub(super) fn nothing_applied(ladder: &[Migration]) -> Vec<Step> {
    let steps = ladder.iter().map(|migration| migration.step(None));
    steps.collect()
}

/// What tells the schema at the top of a ladder from any other.
pub(super) fn fingerprint(ladder: &[Migration]) -> String {
    let mut all = Sha256::new();
    for migration in ladder {
        all.update(migration.checksum());
    }
    hex(all.finalize().as_slice())
}

/// Where a store stands that has these: every migration that it has or that this program knows,
/// in order.
///
/// # Errors
/// `Corrupt` when the store may not be used by this program.
pub(super) fn status(ladder: &[Migration], applied: Vec<Applied>) -> Result<Vec<Step>> {
    judge(ladder, &applied)?;
    let mut steps: Vec<Step> = ladder
        .iter()
        .map(|migration| {
            let found = applied.iter().find(|a| a.number == migration.number);
            migration.step(found.map(|applied| applied.at))
        })
        .collect();
    steps.extend(applied.into_iter().filter_map(|applied| {
        let unknown = ladder.iter().all(|m| m.number != applied.number);
        unknown.then_some(Step {
            number: applied.number,
            name: applied.name,
            breaking: applied.breaking,
            known: false,
            applied_at: Some(applied.at),
        })
    }));
    steps.sort_by_key(|step| step.number);
    Ok(steps)
}

/// The rungs that a store still has to climb that has these.
///
/// # Errors
/// `Corrupt` when the store may not be used by this program.
pub(super) fn missing(ladder: &[Migration], applied: &[Applied]) -> Result<Vec<Migration>> {
    judge(ladder, applied)?;
    let missing = |m: &&Migration| applied.iter().all(|a| a.number != m.number);
    Ok(ladder.iter().filter(missing).copied().collect())
}

/// Whether this program may use a store that has these migrations.
fn judge(ladder: &[Migration], applied: &[Applied]) -> Result<()> {
    let newest = ladder.last().map_or(0, |migration| migration.number);
    for one in applied {
        let Applied { number, name, .. } = one;
        let what = match ladder.iter().find(|m| m.number == *number) {
            Some(known) if known.checksum() == one.checksum => continue,
            Some(_) => format!(
                "its migration {number:04}_{name} is not the one this program has; use the program \
                 that made the store, or a released one"
            ),
            None if one.breaking => format!(
                "its schema is {number:04}_{name} and this program knows up to {newest:04}; use \
                 a newer windlass"
            ),
            // A newer program has added something that this one need not know.
            None => continue,
        };
        return Err(Error::corrupt(what));
    }
    Ok(())
}

/// Holds a ladder against its directory: the same files, numbered from 1 without gaps.
#[cfg(test)]
pub(super) fn hold_against(ladder: &[Migration], directory: &std::path::Path) {
    use std::collections::BTreeSet;

    let files: BTreeSet<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "schema.sql")
        .collect();
    let named = |m: &Migration| format!("{:04}_{}.sql", m.number, m.name);
    assert_eq!(files, ladder.iter().map(named).collect());
    let numbers = ladder.iter().map(|m| m.number);
    assert!(
        numbers
            .clone()
            .zip(1..)
            .all(|(number, place)| number == place),
        "{:?}",
        numbers.collect::<Vec<_>>()
    );
}
