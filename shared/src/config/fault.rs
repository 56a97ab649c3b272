//! What is wrong with a configuration: every fault at once, each with its key and its place.

use serde::Serialize;
use std::fmt;

use super::origin::Origin;

/// Longest piece of a value that a message repeats, in characters.
const EXCERPT: usize = 60;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The key's full path; empty when it is about a layer as a whole.
    pub key: String,
    /// Where the value came from; `None` when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.key.as_str(), &self.origin) {
            ("", Some(origin)) => write!(f, "{origin}: {}", self.problem),
            ("", None) => f.write_str(&self.problem),
            (key, Some(origin)) => write!(f, "{key} ({origin}): {}", self.problem),
            (key, None) => write!(f, "{key}: {}", self.problem),
        }
    }
}

/// All that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// The faults, in the order of the reference.
    pub fn iter(&self) -> std::slice::Iter<'_, Fault> {
        self.0.iter()
    }
}

impl From<Vec<Fault>> for Faults {
    fn from(faults: Vec<Fault>) -> Self {
        Self(faults)
    }
}

impl<'a> IntoIterator for &'a Faults {
    type Item = &'a Fault;
    type IntoIter = std::slice::Iter<'a, Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl std::error::Error for Faults {}

impl fmt::Display for Faults {
    /// A heading, then two lines a fault: the key and where it stands, what is wrong with it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("the configuration has a fault:")?,
            count => write!(f, "the configuration has {count} faults:")?,
        }
        for fault in &self.0 {
            match (fault.key.as_str(), &fault.origin) {
                ("", Some(origin)) => write!(f, "\n\n  {origin}")?,
                ("", None) => f.write_str("\n")?,
                (key, Some(origin)) => write!(f, "\n\n  {key}  ({origin})")?,
                (key, None) => write!(f, "\n\n  {key}")?,
            }
            for line in fault.problem.lines() {
                write!(f, "\n      {line}")?;
            }
        }
        Ok(())
    }
}

/// `text`, or its beginning when it is long: values come from outside and may be anything.
pub(super) fn excerpt(text: &str) -> String {
    let mut chars = text.chars();
    let mut short: String = chars.by_ref().take(EXCERPT).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_a_pleasure_to_read() {
        let line = |line| {
            Some(Origin::File {
                path: "windlass.toml".into(),
                line,
            })
        };
        let fault = |key: &str, origin, problem: &str| Fault {
            key: key.to_owned(),
            origin,
            problem: problem.to_owned(),
        };
        let faults = Faults::from(vec![
            fault("worker.name", line(Some(3)), "is no text\nbut should be"),
            fault("", line(None), "is a directory"),
            fault("sources.a.url", None, "is missing"),
        ]);
        assert_eq!(
            faults.to_string(),
            "the configuration has 3 faults:\n\n  \
             worker.name  (windlass.toml line 3)\n      is no text\n      but should be\n\n  \
             windlass.toml\n      is a directory\n\n  \
             sources.a.url\n      is missing"
        );
    }

    #[test]
    fn long_values_are_cut() {
        assert_eq!(excerpt("short"), "short");
        assert_eq!(excerpt(&"é".repeat(1000)).chars().count(), EXCERPT + 1);
    }
}
