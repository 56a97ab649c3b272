//! What the driver's errors mean to a caller.

use redis::{ErrorKind, RedisError};
use std::error::Error as StdError;

use crate::{job::Invalid, store::Error};

/// What is to be done about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// The server lacks the functions: give them to it and ask again.
    Load,
    /// Another server is the one to ask now.
    Elsewhere,
    /// The connection is there no more.
    Reconnect,
    /// Nothing here: the caller is told.
    Tell,
}

/// What is to be done about an error.
pub(super) fn remedy(error: &RedisError) -> Remedy {
    match error.code() {
        Some("MOVED" | "ASK" | "READONLY") => Remedy::Elsewhere,
        // What the server says when it does not know a function.
        Some("ERR") if says(error, "Function not found") => Remedy::Load,
        None if is_lost(error) => Remedy::Reconnect,
        _ => Remedy::Tell,
    }
}

fn says(error: &RedisError, what: &str) -> bool {
    error.detail().is_some_and(|detail| detail.contains(what))
}

fn is_lost(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_connection_dropped()
        || error.is_timeout()
        || matches!(error.kind(), ErrorKind::Io | ErrorKind::Parse)
}

/// The error of a call. `sent`: whether it may have happened when its answer did not come.
pub(super) fn map(error: RedisError, sent: bool) -> Error {
    let Some(code) = error.code() else {
        return match error.kind() {
            ErrorKind::InvalidClientConfig | ErrorKind::AuthenticationFailed => refused(&error),
            _ => Error::Unavailable {
                maybe_applied: sent,
                source: error.into(),
            },
        };
    };
    match code {
        "LEASELOST" => Error::LeaseLost {
            worker: error
                .detail()
                .and_then(|id| id.trim().parse().ok())
                .unwrap_or(0),
        },
        "NOAUTH" | "WRONGPASS" | "NOPERM" => refused(&error),
        "OOM" => unavailable(
            "the server has no memory left for more: raise its maxmemory, or let workers catch up",
            error,
        ),
        "MISCONF" => unavailable(
            "the server cannot write to its disk and takes nothing until it can",
            error,
        ),
        "LOADING" | "BUSY" | "CLUSTERDOWN" | "TRYAGAIN" | "MASTERDOWN" | "NOREPLICAS" | "MOVED"
        | "ASK" | "READONLY" | "UNBLOCKED" => Error::Unavailable {
            maybe_applied: false,
            source: error.into(),
        },
        _ => Error::Corrupt {
            what: format!(
                "the server refused a call: {}",
                error.detail().unwrap_or(code)
            ),
            source: Some(error.into()),
        },
    }
}

/// Who may not will not be let in by asking again.
fn refused(error: &RedisError) -> Error {
    let why = error
        .detail()
        .map_or_else(|| error.to_string(), str::to_owned);
    Error::Invalid(Invalid::new(
        "store.url",
        format!("is refused by the server: {why}"),
    ))
}

#[derive(Debug, thiserror::Error)]
#[error("{what}")]
struct Because {
    what: &'static str,
    #[source]
    source: RedisError,
}

fn unavailable(what: &'static str, source: RedisError) -> Error {
    let source: Box<dyn StdError + Send + Sync> = Box::new(Because { what, source });
    Error::Unavailable {
        maybe_applied: false,
        source,
    }
}
