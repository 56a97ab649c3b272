//! Opening the file: where it may lie, and how every connection is set.

use rusqlite::{Connection, OpenFlags, config::DbConfig};
use std::{path::Path, time::Duration};

use super::error;
use crate::store::Result;

/// How long to wait for another process that writes. Its turns take milliseconds; whoever holds
/// the lock for longer is stuck, and the callers should hear of it.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Statements kept prepared on a connection: more than there are statement files.
const STATEMENTS: usize = 160;

/// Settings of the file and of the connection that writes.
///
/// * `synchronous = full` makes every commit wait for the disk: what was answered survives a
///   power cut.
/// * A checkpoint every 4000 pages (16 MiB) writes each page back once for many commits, and
///   takes some ten milliseconds.
/// * Foreign keys are off, because no table has any: rows move between tables at job rate.
const WRITER: &str = "
    pragma journal_mode = wal;
    pragma synchronous = full;
    pragma wal_autocheckpoint = 4000;
    pragma journal_size_limit = 67108864;
    pragma cache_size = -65536;
    pragma temp_store = memory;
    pragma foreign_keys = off;
";

/// Setting of a file that is new: pruning gives pages back to the disk. It is heeded only before the
/// first table is made, and setting it is a write, for which an opener would have to wait.
const NEW_FILE: &str = "pragma auto_vacuum = incremental";

/// Settings of a connection that reads.
const READER: &str = "
    pragma query_only = on;
    pragma cache_size = -8192;
    pragma temp_store = memory;
";

/// The connection that writes; makes the file when there is none.
///
/// # Errors
/// `Invalid` when the path will not do, with what to do about it.
pub(super) fn writer(path: &Path) -> Result<Connection> {
    check(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let connection = open(path, flags, |connection| {
        let pages: i64 = connection.query_row("pragma page_count", (), |row| row.get(0))?;
        if pages == 0 {
            connection.execute_batch(NEW_FILE)?;
        }
        connection.execute_batch(WRITER)
    });
    connection.map_err(|cause| error::at_open(path, cause))
}

/// A connection that only reads.
pub(super) fn reader(path: &Path) -> Result<Connection> {
    open(path, OpenFlags::SQLITE_OPEN_READ_WRITE, |connection| {
        connection.execute_batch(READER)
    })
    .map_err(|cause| error::at_open(path, cause))
}

fn open(
    path: &Path,
    flags: OpenFlags,
    set: impl FnOnce(&Connection) -> rusqlite::Result<()>,
) -> rusqlite::Result<Connection> {
    // Each connection is used by one thread at a time, so SQLite's own locks are left out.
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // A plan must not depend on bound values: else SQLite plans some statements anew every time
    // they are given other ones, which costs more than the statements themselves.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    set(&connection)?;
    Ok(connection)
}

/// Says clearly what SQLite would only call "unable to open database file".
fn check(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Err(error::refused(path, "is a directory; name a file in it"));
    }
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() && !parent.is_dir() => {
            let why = format!(
                "lies in {}, which is no directory; make it first",
                parent.display()
            );
            Err(error::refused(path, &why))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_will_not_do_is_refused_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let text = dir.path().join("notes.txt");
        std::fs::write(
            &text,
            "once upon a time, long enough to have a header".repeat(9),
        )
        .unwrap();
        for (path, expected) in [
            (dir.path().to_owned(), "is a directory"),
            (dir.path().join("none/jobs.db"), "make it first"),
            (text, "is no SQLite database"),
        ] {
            let refused = writer(&path).unwrap_err().to_string();
            assert!(refused.contains(expected), "{refused}");
            assert!(refused.contains(&*path.to_string_lossy()), "{refused}");
        }
    }

    #[test]
    fn the_file_is_set_for_durability_and_for_giving_pages_back() {
        let dir = tempfile::tempdir().unwrap();
        let connection = writer(&dir.path().join("jobs.db")).unwrap();
        connection.execute_batch("create table t (x)").unwrap();
        let setting = |name: &str| -> String {
            connection
                .pragma_query_value(None, name, |row| {
                    row.get_ref(0)?
                        .as_i64()
                        .map_or_else(|_| row.get(0), |number| Ok(number.to_string()))
                })
                .unwrap()
        };
        assert_eq!(setting("journal_mode"), "wal");
        assert_eq!(setting("synchronous"), "2");
        assert_eq!(setting("auto_vacuum"), "2");
        assert_eq!(setting("foreign_keys"), "0");
    }
}
