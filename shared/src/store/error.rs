//! What can go wrong in a store, and what the caller may do about it.

use std::error::Error as StdError;

use crate::job::Invalid;

/// The result of a store's method.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong in a store. Nothing above a store sees its driver's errors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What was named does not exist. Correct the name.
    #[error("no {what} {name:?}")]
    NotFound {
        /// What kind of thing: `queue`, `schedule`.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The worker's lease is gone: stop its handlers, register anew.
    #[error("the lease of worker {worker} is lost")]
    LeaseLost {
        /// The worker.
        worker: u64,
    },
    /// A buffer cannot take the entries. Try again when it has drained.
    #[error("the buffer of {destination:?} is full: {waiting} of {capacity} entries wait")]
    Full {
        /// The destination.
        destination: String,
        /// How many wait.
        waiting: u64,
        /// How many may.
        capacity: u64,
    },
    /// A parameter breaks a rule. Correct it; nothing was changed.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The store cannot be reached, or gave up in the middle. Try again with backoff.
    #[error("the store is unavailable")]
    Unavailable {
        /// Whether the call may have happened nevertheless. Repeating it is safe either way.
        maybe_applied: bool,
        /// The driver's error.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The store holds what it should not be able to hold, or is of another version. Somebody
    /// must look.
    #[error("the store is corrupt or of another version: {what}")]
    Corrupt {
        /// What was found.
        what: String,
        /// The driver's error, if there is one.
        #[source]
        source: Option<Box<dyn StdError + Send + Sync>>,
    },
}

impl Error {
    /// One word for what went wrong, of which there are few.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not_found",
            Self::LeaseLost { .. } => "lease_lost",
            Self::Full { .. } => "full",
            Self::Invalid(_) => "invalid",
            Self::Unavailable { .. } => "unavailable",
            Self::Corrupt { .. } => "corrupt",
        }
    }

    /// Whether trying again later may help.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    /// `Unavailable`, nothing applied.
    pub fn unavailable(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Unavailable {
            maybe_applied: false,
            source: source.into(),
        }
    }

    /// `Corrupt`, found by looking.
    pub fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt {
            what: what.into(),
            source: None,
        }
    }
}
