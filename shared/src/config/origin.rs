//! Where a value came from.

use serde::Serialize;
use std::{collections::BTreeMap, fmt, path::PathBuf};

/// The layer that gave a value, and the place in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "layer", rename_all = "snake_case")]
pub enum Origin {
    /// The reference that is built into the program.
    Default,
    /// A configuration file.
    File {
        /// Its path, as it was given.
        path: PathBuf,
        /// The line, from 1; `None` when it is the file as a whole.
        #[serde(skip_serializing_if = "Option::is_none")]
        line: Option<usize>,
    },
    /// An environment variable.
    Environment {
        /// Its name.
        variable: String,
    },
    /// A flag of the command line.
    Flag {
        /// Its name, with its dashes.
        flag: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line: None } => write!(f, "{}", path.display()),
            Self::File {
                path,
                line: Some(line),
            } => write!(f, "{} line {line}", path.display()),
            Self::Environment { variable } => write!(f, "environment {variable}"),
            Self::Flag { flag } => write!(f, "flag {flag}"),
        }
    }
}

/// Where each key came from, by its full path.
pub(super) type Origins = BTreeMap<String, Origin>;

/// The full path of `key` within `path`, written as TOML would have it.
pub(super) fn join(path: &str, key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let key = if !key.is_empty() && key.chars().all(bare) {
        key.to_owned()
    } else {
        format!("{key:?}")
    };
    if path.is_empty() {
        key
    } else {
        format!("{path}.{key}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_unambiguous() {
        assert_eq!(join("", "store"), "store");
        assert_eq!(join("sources", "a.b"), "sources.\"a.b\"");
        assert_eq!(join("sources", ""), "sources.\"\"");
        assert_ne!(
            join(&join("sources", "a.b"), "url"),
            join(&join(&join("sources", "a"), "b"), "url")
        );
    }
}
