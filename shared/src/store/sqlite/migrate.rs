//! The ladder of a file: what it has, and climbing the rest.

use rusqlite::Connection;

use crate::{
    clock::Timestamp,
    store::{
        Result,
        ladder::{self, Applied, Migration, ladder},
        migrate::Step,
    },
};

const APPLIED: &str = include_str!("sql/migration_list.sql");
const RECORD: &str = include_str!("sql/migration_insert.sql");
const HAS_RECORD: &str = include_str!("sql/migration_table_exists.sql");
const TABLE: &str = include_str!("sql/migration_table.sql");

/// Every migration this program knows, in order. A test holds it against the directory.
const LADDER: &[Migration] = ladder!("sqlite": "0001_jobs", "0002_schedules", "0003_buffers");

/// The rungs of a file that is not there yet: all to be climbed.
pub(super) fn nothing_applied() -> Vec<Step> {
    ladder::nothing_applied(LADDER)
}

/// Where a file stands: every migration that it has or that this program knows, in order.
///
/// # Errors
/// `Corrupt` when the file may not be used by this program.
pub(super) fn status(connection: &Connection) -> Result<Vec<Step>> {
    status_on(LADDER, connection)
}

/// Climbs what is missing, all of it in one transaction; answers those rungs. With `dry_run`
/// everything is tried and taken back. Safe beside others that do the same: one climbs, the
/// others wait and find nothing left.
///
/// # Errors
/// `Corrupt` when the file may not be used by this program; nothing is changed then.
pub(super) fn up(connection: &Connection, now: Timestamp, dry_run: bool) -> Result<Vec<Step>> {
    up_on(LADDER, connection, now, dry_run)
}

fn status_on(ladder: &[Migration], connection: &Connection) -> Result<Vec<Step>> {
    ladder::status(ladder, applied(connection)?)
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
    let mut climbed = Vec::new();
    for migration in ladder::missing(ladder, &applied(connection)?)? {
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

#[cfg(test)]
mod tests;
