//! The driver's errors in the contract's terms. Nothing above a store sees `sqlx`.

use sqlx::postgres::{PgDatabaseError, PgSeverity};
use std::{error::Error as StdError, io};

use crate::{job::Invalid, store::Error};

/// `SQLSTATE` codes that mean: the transaction lost a race and changed nothing.
const RACES: [&str; 2] = ["40001", "40P01"];

/// `SQLSTATE` codes of a statement that was prepared on another connection: a pooler came between.
const ELSEWHERE: [&str; 2] = ["26000", "42P05"];

/// `SQLSTATE` of a server that only reads: it was the first and is the second now.
const READ_ONLY: &str = "25006";

/// `SQLSTATE` that the functions of the schema raise when a worker's lease is gone; the message is
/// the worker's id.
pub(super) const LEASE_LOST: &str = "WL001";

/// What helps when [`ELSEWHERE`] is met.
const POOLER_BETWEEN: &str = "store.url leads through a pooler that gives every transaction \
                              another connection; add pooler=transaction to it";

/// What helps against failures that pass, by their `SQLSTATE`: somebody has to do something before
/// they do.
const HELP: [(&str, &str); 4] = [
    (
        READ_ONLY,
        "the server only reads, as one that stands by does; store.url must lead to the one that writes",
    ),
    (
        "53100",
        "the disk of the server is full; free some space there, nothing need be restarted",
    ),
    (
        "55P03",
        "the server gave the call up; a lock_timeout that is set for the user in store.url should be \
         30s or more",
    ),
    (
        "57014",
        "the server gave the call up; a statement_timeout that is set for the user in store.url \
         should be 30s or more",
    ),
];

/// A failure that passes once somebody has helped.
#[derive(Debug, thiserror::Error)]
#[error("{help}")]
struct Helpless {
    help: &'static str,
    #[source]
    source: sqlx::Error,
}

/// Why there was no connection for a call.
const NO_CONNECTION: &str = "no connection was to be had in time: the server lets none in, or all \
                             that pool_max allows are busy";

/// `SQLSTATE` of a key that is there already.
const UNIQUE_VIOLATION: &str = "23505";

/// Whether a call lost a race and may be made again as it is.
pub(super) fn lost_race(error: &sqlx::Error) -> bool {
    code(error).is_some_and(|code| RACES.contains(&&*code))
}

/// Whether the connection was there no more, or leads to a server that has handed over to another.
pub(super) fn is_cut_off(error: &sqlx::Error) -> bool {
    let other = match error {
        sqlx::Error::Protocol(_) => true,
        sqlx::Error::Io(failed) => failed.kind() == io::ErrorKind::TimedOut,
        _ => false,
    };
    code(error).is_some_and(|code| code == READ_ONLY) || is_lost(error) && !other
}

/// Whether a statement that was sent may have happened nevertheless.
pub(super) fn lost_answer(error: &sqlx::Error) -> bool {
    is_lost(error)
}

/// Whether nothing more is to be asked of the connection.
pub(super) fn is_unfit(error: &sqlx::Error) -> bool {
    let elsewhere = |code: String| code == READ_ONLY || ELSEWHERE.contains(&&*code);
    is_lost(error) || code(error).is_some_and(elsewhere)
}

/// Whether the connection ended before the answer was read, and why is all the server says, if it
/// says anything.
fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => true,
        sqlx::Error::Database(told) => told
            .try_downcast_ref::<PgDatabaseError>()
            .is_some_and(|told| matches!(told.severity(), PgSeverity::Fatal | PgSeverity::Panic)),
        _ => false,
    }
}

/// The `SQLSTATE` of a failure that [`map`] has put into the contract's terms, if the server told it.
pub(super) fn state(source: &(dyn StdError + 'static)) -> Option<String> {
    match source.downcast_ref::<sqlx::Error>() {
        Some(error) => code(error),
        None => source.source().and_then(state),
    }
}

fn code(error: &sqlx::Error) -> Option<String> {
    error
        .as_database_error()
        .and_then(|error| error.code().map(std::borrow::Cow::into_owned))
}

/// Whether a row was there already.
pub(super) fn is_unique_violation(error: &Error) -> bool {
    let Error::Corrupt {
        source: Some(source),
        ..
    } = error
    else {
        return false;
    };
    let database = source.downcast_ref::<sqlx::Error>();
    database.and_then(code).as_deref() == Some(UNIQUE_VIOLATION)
}

/// The error of a call. `maybe_applied`: whether it may have happened although no answer came; a
/// statement that the server refused has not.
pub(super) fn map(error: sqlx::Error, maybe_applied: bool) -> Error {
    match error {
        sqlx::Error::PoolTimedOut => {
            return unavailable(NO_CONNECTION.into(), maybe_applied);
        }
        sqlx::Error::PoolClosed => return unavailable(error.into(), maybe_applied),
        _ => {}
    }
    let Some(database) = error.as_database_error() else {
        return if is_lost(&error) {
            unavailable(error.into(), maybe_applied)
        } else {
            corrupt("an answer that cannot be read", error)
        };
    };
    let message = database.message().to_owned();
    let code = database.code().unwrap_or_default().into_owned();
    match code.as_str() {
        LEASE_LOST => Error::LeaseLost {
            worker: message.parse().unwrap_or(0),
        },
        "WL002" => read_invalid(&message),
        // What is missing is the schema, or a part of it.
        "3F000" | "42P01" | "42883" | "42703" => corrupt(
            "it has no schema of this program's (`windlass migrate up` makes it)",
            error,
        ),
        // Who may not will not be let in by asking again; who asks is told at once.
        "42501" => Error::Invalid(Invalid::new(
            "store.url",
            format!(
                "names a user without the rights that are needed: {message}; the grants are in \
                 docs/OPERATIONS.md"
            ),
        )),
        "28000" | "28P01" => Error::Invalid(Invalid::new(
            "store.url",
            format!("is refused by the server: {message}"),
        )),
        "3D000" => Error::Invalid(Invalid::new("store.url", format!("will not do: {message}"))),
        code if ELSEWHERE.contains(&code) => {
            Error::unavailable(format!("{message}: {POOLER_BETWEEN}"))
        }
        // Rows that cannot be: nothing of ours writes them, so somebody must look.
        _ if code.starts_with("22") || code.starts_with("23") || code.starts_with("XX") => {
            corrupt(&message, error)
        }
        // Shutting down, out of resources, cancelled, lost races, and whatever comes in a later
        // release: the statement changed nothing.
        code => {
            let help = HELP.iter().find(|(known, _)| *known == code);
            let source = match help {
                Some((_, help)) => Helpless {
                    help,
                    source: error,
                }
                .into(),
                None => error.into(),
            };
            unavailable(source, maybe_applied)
        }
    }
}

fn unavailable(source: Box<dyn StdError + Send + Sync>, maybe_applied: bool) -> Error {
    Error::Unavailable {
        maybe_applied,
        source,
    }
}

/// `field: why` as the functions of the schema write it.
fn read_invalid(message: &str) -> Error {
    let (field, why) = message.split_once(": ").unwrap_or(("job", message));
    let field = match field {
        "run_at" => "run_at",
        "new" => "new",
        _ => "job",
    };
    Error::Invalid(Invalid::new(field, why.to_owned()))
}

fn corrupt(what: &str, source: impl StdError + Send + Sync + 'static) -> Error {
    Error::Corrupt {
        what: what.to_owned(),
        source: Some(Box::new(source)),
    }
}

/// A value that cannot be what was written.
impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        map(error, false)
    }
}
