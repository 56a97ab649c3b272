//! Metrics: what a number is called, numbers computed from other numbers, and points: single
//! numbers on their way.
//!
//! The configuration checks expressions, and the worker evaluates them; the worker collects points,
//! and the API takes them: so they live here.

use serde::{Deserialize, Serialize};
use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

pub mod expression;
pub mod order;
pub mod period;
pub mod point;

pub use expression::{EvaluateError, Expression};
pub use order::{Cycle, in_order};
pub use point::{Point, Value};

/// Longest key in bytes.
pub const MAX_KEY: usize = 100;

/// What a metric is called: letters, digits and `_`, the letters that Databox takes. Upper and
/// lower case differ.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MetricKey(Arc<str>);

impl MetricKey {
    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MetricKey {
    type Err = String;

    /// # Errors
    /// Which rule the text breaks.
    fn from_str(text: &str) -> Result<Self, String> {
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if text.is_empty() || text.len() > MAX_KEY {
            return Err(format!(
                "is {} bytes long; 1 to {MAX_KEY} are allowed",
                text.len()
            ));
        }
        match text.chars().find(|c| !legal(*c)) {
            Some(bad) => Err(format!(
                "{text:?} holds {bad:?}; letters, digits and `_` are allowed"
            )),
            None => Ok(Self(Arc::from(text))),
        }
    }
}

impl TryFrom<String> for MetricKey {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<MetricKey> for String {
    fn from(key: MetricKey) -> Self {
        key.as_str().to_owned()
    }
}

impl Borrow<str> for MetricKey {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MetricKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for MetricKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_outside_the_grammar_are_refused() {
        for good in ["orders", "2024", "_x", "Ab_9"] {
            assert!(good.parse::<MetricKey>().is_ok(), "{good}");
        }
        for bad in ["", "a b", "a-b", "$a", "é", "a.b", &"x".repeat(101)] {
            assert!(bad.parse::<MetricKey>().is_err(), "{bad}");
        }
    }
}
