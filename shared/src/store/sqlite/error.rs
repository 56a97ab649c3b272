//! What SQLite says, as the store's errors. Nothing above sees the driver's.

use rusqlite::{Error as Driver, ffi::ErrorCode};
use std::{path::Path, sync::Arc};

use crate::{job::Invalid, store::Error};

/// Why the database cannot be used for now, with what to do about it.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("another process keeps the database file locked")]
    Locked(#[source] Driver),
    #[error("the disk that holds the database file is full; nothing was changed")]
    Full(#[source] Driver),
    #[error("the database file may not be written; check its owner and permissions")]
    ReadOnly(#[source] Driver),
    #[error("the database file cannot be read or written")]
    Io(#[source] Driver),
}

impl From<Driver> for Error {
    fn from(error: Driver) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Self::unavailable(Fault::Locked(error))
            }
            Some(ErrorCode::DiskFull) => Self::unavailable(Fault::Full(error)),
            Some(ErrorCode::ReadOnly) => Self::unavailable(Fault::ReadOnly(error)),
            Some(
                ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::OutOfMemory
                | ErrorCode::OperationInterrupted
                | ErrorCode::OperationAborted,
            ) => Self::unavailable(Fault::Io(error)),
            // What is left is a damaged file, or rows that no statement of ours would write.
            _ => Self::Corrupt {
                what: "the database file holds what it should not".to_owned(),
                source: Some(Box::new(error)),
            },
        }
    }
}

/// The commit failed with `cause`: whatever was in the transaction may be kept nevertheless, for
/// example when the file was written and only the answer of the disk was an error.
pub(super) fn not_committed(cause: &Arc<Driver>) -> Error {
    Error::Unavailable {
        maybe_applied: true,
        source: Box::new(Arc::clone(cause)),
    }
}

/// The transaction could not begin because of `cause`: nothing happened.
pub(super) fn not_begun(cause: &Arc<Driver>) -> Error {
    Error::unavailable(Arc::clone(cause))
}

/// The store was closed before the call, or its writer is gone.
pub(super) fn closed() -> Error {
    Error::unavailable("the store is closed")
}

/// The writer dropped the call without an answer, because it panicked in the middle.
pub(super) fn dropped() -> Error {
    Error::Unavailable {
        maybe_applied: true,
        source: "the store's writer failed in the middle; its log says where".into(),
    }
}

/// What went wrong while the file was opened. Most of it nobody can wait out, so it names the
/// file and what to do.
pub(super) fn at_open(path: &Path, error: Driver) -> Error {
    let why = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => "is no SQLite database; name another file",
        Some(ErrorCode::ReadOnly) => "may not be written; check its owner and permissions",
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            "cannot be opened; check that the file and its directory may be read and written"
        }
        _ => return error.into(),
    };
    refused(path, why)
}

/// The file named in the store's URL will not do, and why.
pub(super) fn refused(path: &Path, why: &str) -> Error {
    Invalid::new("store.url", format!("{} {why}", path.display())).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    fn failure(code: i32) -> Driver {
        Driver::SqliteFailure(ffi::Error::new(code), None)
    }

    #[test]
    fn what_may_pass_is_transient_and_what_will_not_is_not() {
        for code in [
            ffi::SQLITE_BUSY,
            ffi::SQLITE_FULL,
            ffi::SQLITE_IOERR_FSYNC,
            ffi::SQLITE_READONLY,
        ] {
            let error = Error::from(failure(code));
            assert!(error.is_transient(), "{error:?}");
        }
        for code in [ffi::SQLITE_CORRUPT, ffi::SQLITE_CONSTRAINT_PRIMARYKEY] {
            let error = Error::from(failure(code));
            assert!(matches!(error, Error::Corrupt { .. }), "{error:?}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_named_with_what_to_do() {
        let path = Path::new("jobs.db");
        for (code, expected) in [
            (ffi::SQLITE_NOTADB, "is no SQLite database"),
            (ffi::SQLITE_READONLY, "may not be written"),
            (ffi::SQLITE_CANTOPEN, "cannot be opened"),
        ] {
            let text = at_open(path, failure(code)).to_string();
            assert!(
                text.contains("jobs.db") && text.contains(expected),
                "{text}"
            );
        }
        assert!(at_open(path, failure(ffi::SQLITE_BUSY)).is_transient());
    }
}
