//! The driver's errors in the contract's terms. Nothing above a store sees `sqlx`.

use std::error::Error as StdError;

use crate::{job::Invalid, store::Error};

/// `SQLSTATE` codes that mean: the transaction lost a race and changed nothing.
const RACES: [&str; 2] = ["40001", "40P01"];

/// `SQLSTATE` that the functions of the schema raise when a worker's lease is gone; the message is
/// the worker's id.
pub(super) const LEASE_LOST: &str = "WL001";

/// `SQLSTATE` of a key that is there already.
const UNIQUE_VIOLATION: &str = "23505";

/// Whether a call lost a race and may be made again as it is.
pub(super) fn lost_race(error: &sqlx::Error) -> bool {
    code(error).is_some_and(|code| RACES.contains(&&*code))
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

/// The error of a call that changes something (`writes`) or reads.
pub(super) fn map(error: sqlx::Error, writes: bool) -> Error {
    if let sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed = error {
        return Error::unavailable(error);
    }
    let Some(database) = error.as_database_error() else {
        return match error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => Error::Unavailable {
                maybe_applied: writes,
                source: Box::new(error),
            },
            other => corrupt("an answer that cannot be read", other),
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
            format!("names a user without the rights that are needed: {message}"),
        )),
        "28000" | "28P01" => Error::Invalid(Invalid::new(
            "store.url",
            format!("is refused by the server: {message}"),
        )),
        "3D000" => Error::Invalid(Invalid::new("store.url", format!("will not do: {message}"))),
        // Rows that cannot be: nothing of ours writes them, so somebody must look.
        _ if code.starts_with("22") || code.starts_with("23") || code.starts_with("XX") => {
            corrupt(&message, error)
        }
        // Shutting down, out of resources, cancelled, lost races, and whatever comes in a later
        // release: the statement changed nothing.
        _ => Error::unavailable(error),
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
