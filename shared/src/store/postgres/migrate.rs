//! The ladder of a database: what it has, and climbing the rest.

use sqlx::{Connection, Executor, PgConnection, postgres::PgRow};
use std::error::Error as StdError;

use super::{
    database::{Call, Database, only},
    error, row,
};
use crate::{
    clock::Timestamp,
    store::{
        Error, Result,
        ladder::{self, Applied, Migration, ladder},
        migrate::Step,
    },
};

const APPLIED: &str = include_str!("sql/migration_list.sql");
const HAS_RECORD: &str = include_str!("sql/migration_table_exists.sql");
const HAS_SCHEMA: &str = include_str!("sql/migration_schema_exists.sql");
const LOCK: &str = include_str!("sql/migration_lock.sql");
const PRIVATE: &str = include_str!("sql/migration_private.sql");
const RECORD: &str = include_str!("sql/migration_insert.sql");
const SCHEMA: &str = include_str!("sql/migration_schema.sql");
const TABLE: &str = include_str!("sql/migration_table.sql");

/// Every migration this program knows, in order. A test holds it against the directory.
const LADDER: &[Migration] = ladder!("postgres":
    "0001_jobs",
    "0002_enqueue",
    "0003_claim",
    "0004_settle",
    "0005_schedules",
    "0006_buffers",
    "0007_operate",
    "0008_duties",
    "0009_wake",
    "0010_maintain",
    "0011_enqueue_anywhere",
);

/// What tells the schema at the top from any other.
pub(super) fn fingerprint() -> String {
    ladder::fingerprint(LADDER)
}

/// Where a database stands: every migration that it has or that this program knows, in order.
///
/// # Errors
/// `Corrupt` when the database may not be used by this program.
pub(super) async fn status(connection: &mut PgConnection) -> Result<Vec<Step>> {
    ladder::status(LADDER, look(connection).await?)
}

/// Climbs what is missing, all of it in one transaction; answers those rungs. With `dry_run`
/// everything is tried and taken back. Safe beside others that do the same: one climbs, the
/// others wait and find nothing left. `now` is when the rungs are said to be climbed; `None`: the
/// server's time.
///
/// A database that has everything is looked at and nothing more, so that the user who runs jobs
/// needs no right to change the schema.
///
/// # Errors
/// `Corrupt` when the database may not be used by this program; `Invalid` when the user may not
/// climb. Nothing is changed then.
pub(super) async fn up(
    connection: &mut PgConnection,
    now: Option<Timestamp>,
    dry_run: bool,
) -> Result<Vec<Step>> {
    if ladder::missing(LADDER, &look(connection).await?)?.is_empty() {
        return Ok(Vec::new());
    }
    let mut transaction = connection.begin().await?;
    let climbed = climb(&mut transaction, now).await;
    if climbed.is_ok() && !dry_run {
        let end = transaction.commit().await;
        end.map_err(|failed| error::map(failed, true))?;
    } else {
        transaction.rollback().await?;
    }
    climbed
}

async fn climb(connection: &mut PgConnection, now: Option<Timestamp>) -> Result<Vec<Step>> {
    query(LOCK).execute(&mut *connection).await?;
    let has_schema = query(HAS_SCHEMA).fetch_one(&mut *connection).await?;
    if !row::get::<bool>(&has_schema, 0)? {
        query(SCHEMA).execute(&mut *connection).await?;
    }
    query(TABLE).execute(&mut *connection).await?;
    let mut climbed = Vec::new();
    // Somebody else may have climbed between the look and the lock.
    for migration in ladder::missing(LADDER, &applied(connection).await?)? {
        let file = sqlx::raw_sql(migration.text);
        connection
            .execute(file)
            .await
            .map_err(|failed| broken(&migration, failed))?;
        let record = query(RECORD)
            .bind(row::short(migration.number))
            .bind(migration.name)
            .bind(migration.checksum())
            .bind(migration.is_breaking())
            .bind(now);
        let recorded = record.fetch_one(&mut *connection).await?;
        climbed.push(migration.step(Some(row::get(&recorded, 0)?)));
    }
    query(PRIVATE).execute(&mut *connection).await?;
    Ok(climbed)
}

/// Whether a database that somebody else brings up has everything that this program needs.
///
/// # Errors
/// `Corrupt` when it may not be used by this program.
pub(super) async fn is_up(database: &Database) -> Result<bool> {
    let has_record = only(database.read(HAS_RECORD, |call| call).await?)?;
    if !row::get::<bool>(&has_record, 0)? {
        return Ok(false);
    }
    let applied = read(&database.read(APPLIED, |call| call).await?)?;
    Ok(ladder::missing(LADDER, &applied)?.is_empty())
}

/// A statement that the server does not keep. In a transaction it is whole even behind a pooler.
fn query(sql: &'static str) -> Call {
    sqlx::query(sql).persistent(false)
}

async fn look(connection: &mut PgConnection) -> Result<Vec<Applied>> {
    let mut transaction = connection.begin().await?;
    let applied = applied(&mut transaction).await?;
    transaction.rollback().await?;
    Ok(applied)
}

/// What the database has, none when it has no schema. In a transaction.
async fn applied(connection: &mut PgConnection) -> Result<Vec<Applied>> {
    let has_record = query(HAS_RECORD).fetch_one(&mut *connection).await?;
    if !row::get::<bool>(&has_record, 0)? {
        return Ok(Vec::new());
    }
    read(&query(APPLIED).fetch_all(&mut *connection).await?)
}

fn read(rows: &[PgRow]) -> Result<Vec<Applied>> {
    rows.iter()
        .map(|applied| {
            Ok(Applied {
                number: u32::try_from(row::get::<i32>(applied, 0)?).unwrap_or(u32::MAX),
                name: row::get(applied, 1)?,
                checksum: row::get(applied, 2)?,
                breaking: row::get(applied, 3)?,
                at: row::get(applied, 4)?,
            })
        })
        .collect()
}

/// The error of a file that the server refuses. What stands in its way is told, because nobody
/// can know which it is: a table of that name, an extension that is missing.
fn broken(migration: &Migration, failed: sqlx::Error) -> Error {
    let Some(refused) = failed.as_database_error() else {
        return error::map(failed, false);
    };
    let message = refused.message().to_owned();
    match error::map(failed, false) {
        Error::Corrupt { source, .. } => Error::Corrupt {
            what: stuck(migration, &message),
            source,
        },
        Error::Unavailable { source, .. } if !temporary(&*source) => Error::Corrupt {
            what: stuck(migration, &message),
            source: Some(source),
        },
        other => other,
    }
}

fn stuck(migration: &Migration, message: &str) -> String {
    let Migration { number, name, .. } = migration;
    format!("its migration {number:04}_{name} cannot be applied: {message}")
}

/// Whether the server may take the same later: lost races, no room, locks, being shut down.
fn temporary(source: &(dyn StdError + Send + Sync + 'static)) -> bool {
    error::state(source).is_some_and(|code| {
        ["40", "53", "55", "57"]
            .iter()
            .any(|class| code.starts_with(class))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_ladder_is_the_directory() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations/postgres");
        ladder::hold_against(LADDER, Path::new(root));
    }
}
