//! Databases of one's own on a server, and what was done there: for tests and for measuring. A
//! store needs none of it.

mod session;

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, error::DatabaseError};
use std::{fmt, str::FromStr, time::Duration};

use super::{Address, connect, error, migrate, row};
use crate::{
    clock::Clock,
    job::Invalid,
    store::{Error, Result},
};

pub use session::{Rows, Session};

const COUNTERS: &str = include_str!("sql/admin_counters.sql");
const DATABASES: &str = include_str!("sql/admin_databases.sql");
const SCAN_PAGES: &str = include_str!("sql/admin_scan_pages.sql");
const SCAN_NEXT: &str = include_str!("sql/admin_scan_next.sql");
const LOCK: &str = include_str!("sql/admin_lock.sql");
const MAY_CREATE: &str = include_str!("sql/admin_may_create.sql");

/// A database without anybody in it that is older than this was left behind by a process that was
/// killed.
const LEFT_BEHIND: Duration = Duration::from_hours(1);

/// How long one waits for a database to be dropped. The server goes on when nobody waits; it writes
/// to the disk first what others are doing, which may take seconds.
const DROPPING: Duration = Duration::from_millis(100);

/// `SQLSTATE` of a database that somebody else has dropped, made or is using.
const ELSEWHERE: [&str; 3] = ["3D000", "42P04", "55006"];

/// What tells the schema that this program makes from any other: the name of a template.
pub fn fingerprint() -> String {
    migrate::fingerprint()
}

/// A connection to a server, by a user who may make databases.
pub struct Admin {
    connection: PgConnection,
    address: Address,
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Admin").field(&self.address).finish()
    }
}

/// What a server has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    /// Transactions of the database that ended. What a connection did is told when it is idle, up
    /// to a second later.
    pub transactions: u64,
    /// Bytes written to the log of the server, by all its databases.
    pub wal_bytes: u64,
    /// Rows of the database that were updated or deleted, each of which leaves a dead one: those
    /// of catalogues and of large values too.
    pub dead_tuples: u64,
}

impl Admin {
    /// Goes to the database that `url` names, which must be there.
    ///
    /// # Errors
    /// As for opening a store.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn connect(url: &str) -> Result<Self> {
        let address = Address::from_str(url).map_err(|why| Invalid::new("store.url", why))?;
        let connection = connect::connect(&address).await?;
        Ok(Self {
            connection,
            address,
        })
    }

    /// Whether the user may make databases.
    pub async fn may_create(&mut self) -> Result<bool> {
        let row = sqlx::query(MAY_CREATE).fetch_one(&mut self.connection);
        row::get(&row.await?, 0)
    }

    /// The URL of a database on the server.
    pub fn url_of(&self, name: &str) -> String {
        self.address.with_database(name).expose().to_owned()
    }

    /// Makes a database, as a copy of a template in which nobody is, or empty. Answers its URL.
    ///
    /// # Errors
    /// `Invalid` when the name will not do, or there is no such template.
    pub async fn create_database(&mut self, name: &str, template: Option<&str>) -> Result<String> {
        let name = checked(name)?;
        let template = checked(template.unwrap_or("template0"))?;
        let run = self.run(format!("create database {name} template {template}"));
        run.await.map_err(|failed| error::map(failed, true))?;
        Ok(self.url_of(name))
    }

    /// Drops a database, whoever is in it. That it is not there is fine.
    pub async fn drop_database(&mut self, name: &str) -> Result<()> {
        let name = checked(name)?;
        let run = self.run(format!("drop database if exists {name} with (force)"));
        run.await.map_err(|failed| error::map(failed, true))
    }

    /// Gives a database in which nobody is another name.
    pub async fn rename_database(&mut self, from: &str, to: &str) -> Result<()> {
        let (from, to) = (checked(from)?, checked(to)?);
        let run = self.run(format!("alter database {from} rename to {to}"));
        run.await.map_err(|failed| error::map(failed, true))
    }

    /// The names of the databases that begin so.
    pub async fn databases(&mut self, prefix: &str) -> Result<Vec<String>> {
        let rows = sqlx::query(DATABASES).bind(prefix.to_owned());
        let rows = rows.fetch_all(&mut self.connection).await?;
        rows.iter().map(|row| row::get(row, 0)).collect()
    }

    /// Drops the databases of that prefix that were made longer ago than that, by their names
    /// ([`dated`]), and have nobody in them.
    pub async fn sweep(&mut self, prefix: &str, older_than: Duration) -> Result<()> {
        let now = Clock::system().now().as_secs();
        let oldest = now.saturating_sub_unsigned(older_than.as_secs());
        for name in self.databases(&format!("{prefix}_")).await? {
            if made_at(&name, prefix).is_none_or(|made| made >= oldest) {
                continue;
            }
            match self.run(format!("drop database if exists {name}")).await {
                Err(failed) if !is_elsewhere(&failed) => return Err(error::map(failed, true)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Waits for a lock of the database that this is connected to, and holds it until this is
    /// dropped.
    pub async fn lock(&mut self, key: i64) -> Result<()> {
        let locked = sqlx::query(LOCK).bind(key).execute(&mut self.connection);
        locked.await?;
        Ok(())
    }

    /// What was done in the database of that name.
    pub async fn counters(&mut self, database: &str) -> Result<Counters> {
        let counters = sqlx::query(COUNTERS).bind(database.to_owned());
        let counters = counters.fetch_one(&mut self.connection).await?;
        Ok(Counters {
            transactions: row::count(&counters, 0)?,
            wal_bytes: row::count(&counters, 1)?,
            dead_tuples: row::count(&counters, 2)?,
        })
    }

    /// Runs statements, for what the contract has no words for: damage, locks, foreign tables.
    ///
    /// # Errors
    /// `Corrupt` or `Unavailable` with what the server says.
    pub async fn execute(&mut self, statements: &str) -> Result<()> {
        let run = self.run(statements.to_owned());
        run.await.map_err(|failed| error::map(failed, true))
    }

    /// Pages that a scan for ten available jobs of a queue and priority touches when it starts at
    /// the mark `from`, as claims do, and the mark that the next one may start at.
    ///
    /// # Errors
    /// `Corrupt` when the database has no schema.
    pub async fn scan_pages(&mut self, from: &str) -> Result<(u64, String)> {
        // The text of a plan cannot be bound to; a mark is a number.
        let from: u64 = from.parse().unwrap_or(0);
        let plan = SCAN_PAGES.replace("$1", &format!("'{from}'"));
        let plan = sqlx::raw_sql(AssertSqlSafe(plan)).fetch_one(&mut self.connection);
        let plan: String = plan.await?.try_get_unchecked(0)?;
        let plan: serde_json::Value = serde_json::from_str(&plan).unwrap_or_default();
        let pages = |key: &str| plan[0]["Plan"][key].as_u64().unwrap_or(0);
        let next = sqlx::query(SCAN_NEXT).bind(from.to_string());
        let next = next.fetch_one(&mut self.connection).await?;
        let touched = pages("Shared Hit Blocks") + pages("Shared Read Blocks");
        Ok((touched, row::get(&next, 0)?))
    }

    /// Closes the connection.
    pub async fn close(self) -> Result<()> {
        Ok(self.connection.close().await?)
    }

    /// Runs what was put together: names of databases cannot be bound, so they are [`checked`].
    async fn run(&mut self, statement: String) -> Result<(), sqlx::Error> {
        let statement = sqlx::raw_sql(AssertSqlSafe(statement));
        statement.execute(&mut self.connection).await?;
        Ok(())
    }
}

/// A name of a database that begins with `prefix` and tells when it was made, to the second.
pub fn dated(prefix: &str, made_at: i64, rest: &str) -> String {
    format!("{prefix}_{made_at:010x}_{rest}")
}

fn made_at(name: &str, prefix: &str) -> Option<i64> {
    let rest = name.strip_prefix(prefix)?.strip_prefix('_')?;
    let (made_at, _) = rest.split_once('_')?;
    i64::from_str_radix(made_at, 16).ok()
}

fn is_elsewhere(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| ELSEWHERE.contains(&&*code))
}

/// A name that need not be quoted and is no word of the language.
fn checked(name: &str) -> Result<&str> {
    let letters = name
        .bytes()
        .all(|letter| matches!(letter, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    let begins = name.starts_with(|letter: char| letter.is_ascii_lowercase());
    if letters && begins && name.len() <= 63 && name.contains(['_', '0']) {
        Ok(name)
    } else {
        let why = format!("{name:?} is no name of a database that is made here: my_database");
        Err(Error::Invalid(Invalid::new("database", why)))
    }
}

/// A database of one's own, which the server drops when this value is dropped, or a little later.
pub struct Scratch {
    server: String,
    name: String,
    url: String,
}

impl fmt::Debug for Scratch {
    /// Without the addresses, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Scratch").field(&self.name).finish()
    }
}

impl Scratch {
    /// Makes a database on the server of `server`, a URL, whose name begins with `prefix`; as a
    /// copy of a template or empty. Databases of that prefix that killed processes left behind are
    /// dropped.
    ///
    /// # Errors
    /// As for [`Admin::create_database`].
    ///
    /// # Cancel safety
    /// What was made is left behind, and swept an hour later.
    pub async fn new(server: &str, prefix: &str, template: Option<&str>) -> Result<Self> {
        let mut admin = Admin::connect(server).await?;
        admin.sweep(prefix, LEFT_BEHIND).await?;
        let rest = format!("{:016x}", rand::random::<u64>());
        let name = dated(prefix, Clock::system().now().as_secs(), &rest);
        let url = admin.create_database(&name, template).await?;
        admin.close().await?;
        Ok(Self {
            server: server.to_owned(),
            name,
            url,
        })
    }

    /// The URL of the database.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The name of the database.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Scratch {
    /// Has the server drop the database, on a thread of its own: this one may belong to an
    /// executor.
    fn drop(&mut self) {
        let (server, name) = (&self.server, &self.name);
        let dropped = std::thread::scope(|scope| {
            let dropping = scope.spawn(|| {
                let mut runtime = tokio::runtime::Builder::new_current_thread();
                let runtime = runtime.enable_all().build().map_err(Error::unavailable)?;
                runtime.block_on(async {
                    let mut admin = Admin::connect(server).await?;
                    let dropping = admin.drop_database(name);
                    let dropped = tokio::time::timeout(DROPPING, dropping).await;
                    dropped.unwrap_or(Ok(()))
                })
            });
            dropping.join()
        });
        match dropped {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!("database {name} is left behind: {error}"),
            Err(_) => tracing::warn!("database {name} is left behind"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_when_they_were_made() {
        let name = dated("windlass_test", 1_700_000_000, "ab_1");
        assert_eq!(name, "windlass_test_006553f100_ab_1");
        assert_eq!(made_at(&name, "windlass_test"), Some(1_700_000_000));
        assert_eq!(made_at("windlass_test_notes", "windlass_test"), None);
        assert_eq!(made_at("windlass_test_notes_x", "windlass_test"), None);
    }

    #[test]
    fn names_that_would_need_quotes_are_refused() {
        for name in ["", "Job_s", "a b_", "a\"_", "a;_", "_a", "1_a", "user"] {
            assert!(checked(name).is_err(), "{name}");
        }
        assert!(checked(&format!("a_{}", "a".repeat(62))).is_err());
        assert!(checked("template0").is_ok());
    }
}
