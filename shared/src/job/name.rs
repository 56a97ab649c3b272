//! The names of things: kinds, queues, tags; and the priority. Each with its grammar.

use serde::{Deserialize, Serialize};
use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

use super::Invalid;

/// Longest name in bytes. Long enough for `Billing::Invoices::SendReminder`, short for an index.
pub const MAX_NAME: usize = 64;

/// Most tags on one job.
pub const MAX_TAGS: usize = 16;

fn check(field: &'static str, text: &str, extra: &str) -> Result<(), Invalid> {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || extra.contains(c);
    let why = if text.is_empty() {
        "is empty".to_owned()
    } else if text.len() > MAX_NAME {
        format!("is {} bytes long, more than {MAX_NAME}", text.len())
    } else if !text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
        format!("{text:?} does not start with a letter, a digit or `_`")
    } else if let Some(bad) = text.chars().find(|c| !legal(*c)) {
        format!("{text:?} holds {bad:?}; letters, digits, `_` and any of `{extra}` are allowed")
    } else {
        return Ok(());
    };
    Err(Invalid::new(field, why))
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $field:literal, $extra:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `text` against the grammar.
            ///
            /// # Errors
            /// `Invalid` with the rule that it breaks.
            pub fn new(text: impl AsRef<str> + Into<Arc<str>>) -> Result<Self, Invalid> {
                check($field, text.as_ref(), $extra)?;
                Ok(Self(text.into()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Invalid;
            fn from_str(text: &str) -> Result<Self, Invalid> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Invalid;
            fn try_from(text: String) -> Result<Self, Invalid> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.as_str().to_owned()
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
    };
}

name!(
    /// What a job does; a worker looks its handler up by it: `send_email`, `Billing::Invoice`.
    Kind, "kind", ".:-"
);
name!(
    /// The queue a job waits in: `default`, `mail.bulk`.
    QueueName, "queue", ".-"
);
name!(
    /// A word to find jobs by: `tenant:42`, `pipeline:eu`.
    Tag, "tag", ".:-/@=#+"
);
name!(
    /// The name of a schedule, pipeline, source or destination.
    Label, "name", ".-"
);

impl Default for QueueName {
    fn default() -> Self {
        Self(Arc::from("default"))
    }
}

/// How soon a job is handed out within its queue: 0 first, 9 last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u8")]
pub struct Priority(u8);

impl Priority {
    /// The lowest number that is no priority any more.
    pub const COUNT: u8 = 10;

    /// # Errors
    /// `Invalid` when `value` is above 9.
    pub fn new(value: u64) -> Result<Self, Invalid> {
        match u8::try_from(value) {
            Ok(small) if small < Self::COUNT => Ok(Self(small)),
            _ => Err(Invalid::new(
                "priority",
                format!("{value} is not between 0 (sooner) and 9"),
            )),
        }
    }

    /// The number, 0 to 9.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self(5)
    }
}

impl TryFrom<u64> for Priority {
    type Error = Invalid;

    fn try_from(value: u64) -> Result<Self, Invalid> {
        Self::new(value)
    }
}

impl From<Priority> for u8 {
    fn from(priority: Priority) -> Self {
        priority.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_outside_the_grammar_are_refused_with_the_reason() {
        for (text, reason) in [
            ("", "is empty"),
            ("-x", "does not start"),
            ("a b", "holds ' '"),
            ("naïve", "holds 'ï'"),
            ("a/b", "holds '/'"),
            (&"x".repeat(65), "more than 64"),
        ] {
            let refused = QueueName::new(text).expect_err(text);
            assert!(refused.why.contains(reason), "{text}: {refused}");
        }
        assert!(Kind::new("Billing::Invoice").is_ok());
        assert!(Tag::new("tenant:42").is_ok());
    }

    #[test]
    fn priority_is_zero_to_nine() {
        assert!(Priority::new(9).is_ok());
        assert!(Priority::new(10).is_err());
        assert!(serde_json::from_str::<Priority>("-1").is_err());
    }
}
