//! A connection whose transactions are stepped by hand, so that tests hold one open while others
//! go on.

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, ValueRef, error::DatabaseError};
use std::{fmt, str::FromStr, time::Duration};

use super::super::{Address, connect, error};
use crate::{
    job::Invalid,
    store::{Error, Result},
};

/// `SQLSTATE` of a lock that could not be had in time.
const LOCKED: &str = "55P03";

/// The rows of an answer, every value as the text that the server writes; null is empty.
pub type Rows = Vec<Vec<String>>;

/// A connection of its own.
pub struct Session {
    connection: PgConnection,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl Session {
    /// Goes to the database that `url` names. No statement waits for a lock longer than `patience`.
    ///
    /// # Errors
    /// As for opening a store.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn open(url: &str, patience: Duration) -> Result<Self> {
        let address = Address::from_str(url).map_err(|why| Invalid::new("store.url", why))?;
        let connection = connect::connect(&address).await?;
        let mut session = Self { connection };
        let patience = format!("set lock_timeout = {}", patience.as_millis());
        session.run(&patience).await?;
        Ok(session)
    }

    /// What a statement answers; of several, the rows of all.
    ///
    /// # Errors
    /// `Corrupt` or `Unavailable` with what the server says.
    pub async fn run(&mut self, statement: &str) -> Result<Rows> {
        let rows = self.try_run(statement).await?;
        rows.ok_or_else(|| Error::corrupt("a statement of a test waited for a lock"))
    }

    /// What a statement answers; `None`, and the transaction has failed, when it would have to
    /// wait for somebody else.
    ///
    /// # Errors
    /// As for [`Self::run`].
    pub async fn try_run(&mut self, statement: &str) -> Result<Option<Rows>> {
        let statement = sqlx::raw_sql(AssertSqlSafe(statement.to_owned()));
        let rows = match statement.fetch_all(&mut self.connection).await {
            Ok(rows) => rows,
            Err(failed) => {
                let code = failed.as_database_error().and_then(DatabaseError::code);
                return match code {
                    Some(code) if code == LOCKED => Ok(None),
                    _ => Err(error::map(failed, true)),
                };
            }
        };
        let mut texts = Vec::with_capacity(rows.len());
        for row in &rows {
            let mut values = Vec::with_capacity(row.len());
            for column in 0..row.len() {
                let value = row.try_get_raw(column)?;
                let text = if value.is_null() {
                    ""
                } else {
                    value.as_str().map_err(sqlx::Error::Decode)?
                };
                values.push(text.to_owned());
            }
            texts.push(values);
        }
        Ok(Some(texts))
    }

    /// Closes the connection; an open transaction is rolled back.
    pub async fn close(self) -> Result<()> {
        Ok(self.connection.close().await?)
    }
}
