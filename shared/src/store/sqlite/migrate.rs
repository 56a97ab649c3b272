//! The ladder: which migrations there are, which a file has, and climbing the rest.

use rusqlite::Connection;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

use crate::{
    clock::Timestamp,
    store::{Error, Result, migrate::Step},
};

const APPLIED: &str = include_str!("sql/migration_list.sql");
const RECORD: &str = include_str!("sql/migration_insert.sql");
const HAS_RECORD: &str = include_str!("sql/migration_table_exists.sql");
const TABLE: &str = include_str!("sql/migration_table.sql");

/// One rung: a file of `migrations/sqlite`.
#[derive(Debug, Clone, Copy)]
struct Migration {
    number: u32,
    name: &'static str,
    text: &'static str,
}

/// Every migration this program knows, in order. A test holds it against the directory.
const LADDER: [Migration; 3] = [
    Migration {
        number: 1,
        name: "jobs",
        text: include_str!("../../../../migrations/sqlite/0001_jobs.sql"),
    },
    Migration {
        number: 2,
        name: "schedules",
        text: include_str!("../../../../migrations/sqlite/0002_schedules.sql"),
    },
    Migration {
        number: 3,
        name: "buffers",
        text: include_str!("../../../../migrations/sqlite/0003_buffers.sql"),
    },
];

impl Migration {
    /// Whether programs that do not know it must keep away from a file that has it.
    fn is_breaking(&self) -> bool {
        self.text.starts_with("-- breaking")
    }

    fn checksum(&self) -> String {
        let mut hex = String::with_capacity(64);
        for byte in Sha256::digest(self.text.as_bytes()) {
            write!(hex, "{byte:02x}").expect("writing to a string cannot fail");
        }
        hex
    }

    fn step(&self, applied_at: Option<Timestamp>) -> Step {
        Step {
            number: self.number,
            name: self.name.to_owned(),
            breaking: self.is_breaking(),
            known: true,
            applied_at,
        }
    }
}

/// A migration that a file has, as the file tells it.
#[derive(Debug)]
struct Applied {
    number: u32,
    name: String,
    checksum: String,
    breaking: bool,
    at: Timestamp,
}

/// The rungs of a file that is not there yet: all to be climbed.
pub(super) fn nothing_applied() -> Vec<Step> {
    LADDER
        .iter()
        .map(|migration| migration.step(None))
        .collect()
}

/// Where a file stands: every migration that it has or that this program knows, in order.
///
/// # Errors
/// `Corrupt` when the file may not be used by this program.
pub(super) fn status(connection: &Connection) -> Result<Vec<Step>> {
    status_on(&LADDER, connection)
}

/// Climbs what is missing, all of it in one transaction; answers those rungs. With `dry_run`
/// everything is tried and taken back. Safe beside others that do the same: one climbs, the
/// others wait and find nothing left.
///
/// # Errors
/// `Corrupt` when the file may not be used by this program; nothing is changed then.
pub(super) fn up(connection: &Connection, now: Timestamp, dry_run: bool) -> Result<Vec<Step>> {
    up_on(&LADDER, connection, now, dry_run)
}

fn status_on(ladder: &[Migration], connection: &Connection) -> Result<Vec<Step>> {
    let applied = applied(connection)?;
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

fn up_on(
    ladder: &[Migration],
    connection: &Connection,
    now: Timestamp,
    dry_run: bool,
) -> Result<Vec<Step>> {
    // Looking first spares every start but the first one a write.
    if status_on(ladder, connection)?
        .iter()
        .all(|step| step.applied_at.is_some())
    {
        return Ok(Vec::new());
    }
    connection.execute_batch("begin immediate")?;
    let climbed = climb(ladder, connection, now);
    let end = if climbed.is_ok() && !dry_run {
        "commit"
    } else {
        "rollback"
    };
    connection.execute_batch(end)?;
    climbed
}

fn climb(ladder: &[Migration], connection: &Connection, now: Timestamp) -> Result<Vec<Step>> {
    connection.execute_batch(TABLE)?;
    // Somebody else may have climbed between the look and the lock.
    let applied = applied(connection)?;
    judge(ladder, &applied)?;
    let mut climbed = Vec::new();
    for migration in ladder {
        if applied.iter().any(|a| a.number == migration.number) {
            continue;
        }
        connection.execute_batch(migration.text)?;
        connection.execute(
            RECORD,
            (
                migration.number,
                migration.name,
                migration.checksum(),
                migration.is_breaking(),
                now,
            ),
        )?;
        climbed.push(migration.step(Some(now)));
    }
    Ok(climbed)
}

fn applied(connection: &Connection) -> Result<Vec<Applied>> {
    let has_record: bool = connection.query_row(HAS_RECORD, (), |row| row.get(0))?;
    if !has_record {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare(APPLIED)?;
    let rows = statement.query_map((), |row| {
        Ok(Applied {
            number: row.get(0)?,
            name: row.get(1)?,
            checksum: row.get(2)?,
            breaking: row.get(3)?,
            at: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Whether this program may use a file that has these migrations.
fn judge(ladder: &[Migration], applied: &[Applied]) -> Result<()> {
    let newest = ladder.last().map_or(0, |migration| migration.number);
    for one in applied {
        let Applied { number, name, .. } = one;
        let what = match ladder.iter().find(|m| m.number == *number) {
            Some(known) if known.checksum() == one.checksum => continue,
            Some(_) => format!(
                "its migration {number:04}_{name} is not the one this program has; use the program \
                 that made the file, or a released one"
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

#[cfg(test)]
mod tests;
