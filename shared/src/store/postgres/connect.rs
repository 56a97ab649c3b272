//! The first connection: whether the address leads to a server that will do, and if not, what
//! people can do about it.

use sqlx::{ConnectOptions, PgConnection};
use std::time::Duration;

use super::{Address, error, row};
use crate::{
    job::Invalid,
    store::{Error, Result},
};

const SERVER: &str = include_str!("sql/server.sql");

/// The oldest release that will do, as the server tells it.
const OLDEST: i32 = 14_00_00;

/// The isolation level at which every call is made: it has to see what others have just committed.
const LEVEL: &str = "read committed";

/// Longest wait for a server to let one in.
const PATIENCE: Duration = Duration::from_secs(10);

/// One connection to a server whose release will do.
///
/// # Errors
/// `Invalid` when the server will not have us, or is too old, with what would help; `Unavailable`
/// when it cannot be reached for now, with where it was looked for.
pub(super) async fn connect(address: &Address) -> Result<PgConnection> {
    let options = address.options().map_err(invalid)?;
    let database = options.get_database().unwrap_or(options.get_username());
    let connecting = tokio::time::timeout(PATIENCE, options.connect());
    let mut connection = match connecting.await {
        Ok(Ok(connection)) => connection,
        Ok(Err(refused)) => return Err(why(refused, address, database)),
        Err(_) => return Err(unreachable(address, "it does not answer")),
    };
    // Not kept: a pooler may come between this and the next statement.
    let server = sqlx::raw_sql(SERVER).fetch_one(&mut connection).await?;
    let (version, level): (i32, String) = (row::get(&server, 0)?, row::get(&server, 1)?);
    if version < OLDEST {
        let (given, oldest) = (version / 10_000, OLDEST / 10_000);
        return Err(invalid(format!(
            "leads to PostgreSQL {given}; {oldest} or later is needed"
        )));
    }
    if level != LEVEL {
        let user = options.get_username();
        return Err(invalid(format!(
            "leads to a server that begins transactions as {level}, and {LEVEL} is needed: alter \
             role {user} set default_transaction_isolation = '{LEVEL}'"
        )));
    }
    Ok(connection)
}

fn why(refused: sqlx::Error, address: &Address, database: &str) -> Error {
    let told = refused.as_database_error();
    let code = told.and_then(|told| told.code().map(std::borrow::Cow::into_owned));
    let message = told
        .map(|told| told.message().to_owned())
        .unwrap_or_default();
    match (code.as_deref(), &refused) {
        (Some("28P01"), _) => invalid(format!(
            "is refused: {message}. The password comes from the URL, store.password_file, \
             WINDLASS__STORE__PASSWORD, PGPASSWORD or ~/.pgpass"
        )),
        (Some("28000"), _) => invalid(format!(
            "is refused: {message}. Who may come from where stands in the server's pg_hba.conf"
        )),
        (Some("3D000"), _) => invalid(format!(
            "names a database that is not there; make it first: createdb {database}"
        )),
        (Some(_), _) => error::map(refused, false),
        (None, sqlx::Error::Io(failed)) => unreachable(address, &failed.to_string()),
        (None, sqlx::Error::Tls(failed)) => invalid(format!(
            "asks for TLS by its sslmode, and there is none: {failed}"
        )),
        (None, sqlx::Error::Configuration(failed)) => invalid(format!("will not do: {failed}")),
        (None, _) => unreachable(address, &refused.to_string()),
    }
}

fn unreachable(address: &Address, why: &str) -> Error {
    let server = address.server();
    Error::unavailable(format!(
        "cannot reach {server}: {why}; is PostgreSQL running there, and does store.url say where?"
    ))
}

fn invalid(why: String) -> Error {
    Error::Invalid(Invalid::new("store.url", why))
}
