//! When two jobs are the same job.

use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc, time::Duration};

use super::Invalid;

/// Longest unique key in bytes.
pub const MAX_KEY: usize = 255;

/// Longest window of a unique key: a year.
pub const MAX_WINDOW: Duration = Duration::from_hours(8760);

/// A key that one job at a time may hold within its queue and kind.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UniqueKey(Arc<str>);

impl UniqueKey {
    /// # Errors
    /// `Invalid` when `text` is empty, longer than [`MAX_KEY`] or holds control characters.
    pub fn new(text: impl AsRef<str> + Into<Arc<str>>) -> Result<Self, Invalid> {
        let key = text.as_ref();
        if key.is_empty() || key.len() > MAX_KEY {
            let why = format!("is {} bytes long; 1 to {MAX_KEY} are allowed", key.len());
            return Err(Invalid::new("unique.key", why));
        }
        if key.chars().any(char::is_control) {
            return Err(Invalid::new("unique.key", "holds a control character"));
        }
        Ok(Self(text.into()))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for UniqueKey {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::new(text)
    }
}

impl From<UniqueKey> for String {
    fn from(key: UniqueKey) -> Self {
        key.as_str().to_owned()
    }
}

impl fmt::Display for UniqueKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for UniqueKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// Until when a key is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UniquePolicy {
    /// Until the job is first claimed, or ends unclaimed: while one waits, no second one waits.
    UntilStarted,
    /// Until the job is completed, cancelled or discarded.
    UntilFinished,
    /// For this long after the job was accepted, whatever becomes of it.
    Window(Duration),
}

impl UniquePolicy {
    /// # Errors
    /// `Invalid` when a window is zero or longer than [`MAX_WINDOW`].
    pub fn check(self) -> Result<(), Invalid> {
        match self {
            Self::Window(window) if window.is_zero() || window > MAX_WINDOW => Err(Invalid::new(
                "unique.window",
                "is not between 1 ms and 365 days",
            )),
            _ => Ok(()),
        }
    }
}

/// A unique key and its policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unique {
    /// The key, within the job's queue and kind.
    pub key: UniqueKey,
    /// Until when it is held.
    pub policy: UniquePolicy,
}

impl Unique {
    /// # Errors
    /// `Invalid` when [`UniquePolicy::check`] refuses the policy.
    pub fn new(key: UniqueKey, policy: UniquePolicy) -> Result<Self, Invalid> {
        policy.check()?;
        Ok(Self { key, policy })
    }
}
