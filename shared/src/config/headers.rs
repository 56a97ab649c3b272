//! Headers that a source is asked with.

use serde::{Serialize, Serializer, ser::SerializeMap};
use std::collections::BTreeMap;

use super::{
    origin::Origin,
    read::{Reader, variable},
    tree::Node,
};
use crate::secret::{REDACTED, Secret, sounds_secret};

/// Most bytes in all headers together; servers refuse more.
const MAX_TOTAL: usize = 8192;

/// Headers, by their names in lower case. Every value is held as a secret; those whose names do
/// not sound like secrets are shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers(BTreeMap<String, Secret>);

impl Headers {
    /// The names, in lower case, and the values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Secret)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    pub(super) fn read(from: &Reader<'_>) -> Self {
        let read = |from: &Reader<'_>, name: &str, node: &Node| match header(from, name, node) {
            Ok(header) => Some(header),
            Err(problem) => {
                from.blame(name, problem);
                None
            }
        };
        let mut headers = BTreeMap::new();
        for (written, (name, value)) in from.map::<String, _>("headers", read) {
            if headers.insert(name, value).is_some() {
                from.blame("headers", format!("hold {written:?} twice"));
            }
        }
        let total: usize = headers
            .iter()
            .map(|(name, value)| name.len() + value.expose().len() + 4)
            .sum();
        if total > MAX_TOTAL {
            from.blame(
                "headers",
                format!("are {total} bytes in all, more than {MAX_TOTAL}"),
            );
        }
        Self(headers)
    }
}

impl Serialize for Headers {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.iter() {
            let shown = if sounds_secret(name) {
                REDACTED
            } else {
                value.expose()
            };
            map.serialize_entry(name, shown)?;
        }
        map.end()
    }
}

fn header(from: &Reader<'_>, name: &str, node: &Node) -> Result<(String, Secret), String> {
    // The environment has no hyphens in its names, and headers have no underscores.
    let lower = match node.origin {
        Origin::Environment { .. } => name.to_ascii_lowercase().replace('_', "-"),
        _ => name.to_ascii_lowercase(),
    };
    let legal = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if lower.is_empty() || !lower.chars().all(legal) {
        return Err("is no name of a header".to_owned());
    }
    let ours = [
        "connection",
        "content-length",
        "host",
        "te",
        "transfer-encoding",
        "upgrade",
    ];
    if ours.contains(&lower.as_str()) {
        return Err("is written by the program itself".to_owned());
    }
    if sounds_secret(&lower) && matches!(node.origin, Origin::File { .. } | Origin::Flag { .. }) {
        return Err(format!(
            "sounds like a secret and must not stand in the configuration file; set {}",
            variable(&from.path(name))
        ));
    }
    let value = match node.verbatim() {
        Some(value) => value,
        None if sounds_secret(&lower) => return Err("is no text".to_owned()),
        None => return Err(format!("is {}, not a text", node.describe())),
    };
    if value.chars().any(|c| c.is_control() || !c.is_ascii()) {
        return Err("holds a letter that headers must not hold".to_owned());
    }
    Ok((lower, Secret::new(value)))
}
