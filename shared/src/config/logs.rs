//! `[logs]`: which log lines are written, and how they look.

use serde::{Serialize, Serializer};
use std::{fmt, str::FromStr};
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::read::{FromText, Reader, meant_or_known};

/// Which log lines are written, and how they look.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Logs {
    /// Which lines.
    pub filter: LogFilter,
    /// How they look.
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Pretty on a terminal, else JSON.
    #[default]
    Auto,
    /// For people.
    Pretty,
    /// For programs: one object a line.
    Json,
}

impl LogFormat {
    /// The words, as they are written.
    pub const WORDS: [(&str, Self); 3] = [
        ("auto", Self::Auto),
        ("pretty", Self::Pretty),
        ("json", Self::Json),
    ];
}

impl Logs {
    pub(super) fn read(from: &Reader<'_>) -> Self {
        Self {
            filter: from.or("filter", LogFilter::default()),
            format: from.choice("format", &LogFormat::WORDS).unwrap_or_default(),
        }
    }
}

/// Which log lines are written: a level for all, and levels for parts:
/// `info,windlass_worker=debug`.
#[derive(Debug, Clone, PartialEq)]
pub struct LogFilter {
    text: String,
    targets: Targets,
}

impl LogFilter {
    /// The filter for the log's subscriber.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }
}

impl Default for LogFilter {
    fn default() -> Self {
        Self {
            text: "info".to_owned(),
            targets: Targets::new().with_default(LevelFilter::INFO),
        }
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl Serialize for LogFilter {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.text)
    }
}

impl FromStr for LogFilter {
    type Err = String;

    /// Stricter than the subscriber's own reader, to which `inof` is a part of the program of
    /// which everything is wanted.
    ///
    /// # Errors
    /// What is wrong, and what would be right.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut targets = Targets::new();
        let mut default = None;
        for part in text.split(',').map(str::trim) {
            if let Some((target, word)) = part.split_once('=') {
                let legal = |c: char| c.is_ascii_alphanumeric() || "_-:.".contains(c);
                if target.is_empty() || !target.chars().all(legal) {
                    return Err(format!(
                        "{target:?} is no part of a program, such as windlass_worker"
                    ));
                }
                targets = targets.with_target(target, level(word)?);
            } else if default.replace(level(part)?).is_some() {
                return Err("names two levels for all; per part it is part=level".to_owned());
            }
        }
        Ok(Self {
            text: text.to_owned(),
            targets: match default {
                Some(level) => targets.with_default(level),
                None => targets,
            },
        })
    }
}

fn level(word: &str) -> Result<LevelFilter, String> {
    const LEVELS: [(&str, LevelFilter); 6] = [
        ("off", LevelFilter::OFF),
        ("error", LevelFilter::ERROR),
        ("warn", LevelFilter::WARN),
        ("info", LevelFilter::INFO),
        ("debug", LevelFilter::DEBUG),
        ("trace", LevelFilter::TRACE),
    ];
    let found = LEVELS.iter().find(|(name, _)| *name == word);
    found.map(|(_, level)| *level).ok_or_else(|| {
        let words = LEVELS.iter().map(|(name, _)| *name);
        format!("{word:?} is no level; {}", meant_or_known(word, words))
    })
}

impl FromText for LogFilter {
    fn from_text(text: &str) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tracing::Level;

    #[test]
    fn filters_are_read() {
        let filter: LogFilter = "info, windlass_worker=debug,hyper=off".parse().unwrap();
        let enabled = |target: &str, level| filter.targets().would_enable(target, &level);
        assert!(enabled("windlass_api", Level::INFO));
        assert!(!enabled("windlass_api", Level::DEBUG));
        assert!(enabled("windlass_worker::engine", Level::DEBUG));
        assert!(!enabled("hyper::client", Level::ERROR));
        assert_eq!("info".parse(), Ok(LogFilter::default()));
    }

    #[test]
    fn filters_that_say_nothing_are_refused() {
        for (text, reason) in [
            ("", "no level"),
            ("inof", "did you mean `info`?"),
            ("windlass_worker", "no level"),
            ("a=verbose", "there is"),
            ("info,warn", "two levels"),
            ("=info", "no part"),
            ("a[b]=info", "no part"),
            ("info,,", "no level"),
        ] {
            let refused = text.parse::<LogFilter>().unwrap_err();
            assert!(refused.contains(reason), "{text}: {refused}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_as_a_filter(text in "(\\PC|info|=|,){0,20}") {
            if let Ok(filter) = text.parse::<LogFilter>() {
                prop_assert_eq!(filter.to_string(), text);
            }
        }
    }
}
