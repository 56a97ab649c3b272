//! Which jobs a command is about: the same flags wherever jobs are chosen.

use clap::Args;
use shared::{
    clock::Timestamp,
    config::human::parse_duration,
    job::{Invalid, Kind, QueueName, Tag},
};
use std::{str::FromStr, time::Duration};

/// The flags that name jobs by what they are.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Filters")]
pub(crate) struct FilterFlags {
    /// Only of this kind; may be repeated.
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = checked::<Kind>)]
    kind: Vec<Kind>,
    /// Only in this queue; may be repeated.
    #[arg(long, value_name = "QUEUE", value_delimiter = ',', value_parser = checked::<QueueName>)]
    queue: Vec<QueueName>,
    /// Only with this tag.
    #[arg(long, value_name = "TAG", value_parser = checked::<Tag>)]
    tag: Option<Tag>,
    /// Only those accepted at this time or later: RFC 3339, or how long ago, as in 2h.
    #[arg(long, value_name = "TIME", value_parser = When::read)]
    from: Option<When>,
    /// Only those accepted before this time.
    #[arg(long, value_name = "TIME", value_parser = When::read)]
    before: Option<When>,
}

/// What the API calls these flags.
pub(crate) const FLAGS: [(&str, &str); 7] = [
    ("kind", "--kind"),
    ("queue", "--queue"),
    ("tag", "--tag"),
    ("accepted_from", "--from"),
    ("accepted_before", "--before"),
    ("limit", "--limit"),
    ("cursor", "--cursor"),
];

impl FilterFlags {
    /// Whether nothing is said.
    pub(crate) fn is_empty(&self) -> bool {
        self.pairs(Timestamp::default()).is_empty()
    }

    /// The filter in the API's words.
    pub(crate) fn pairs(&self, now: Timestamp) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        if !self.kind.is_empty() {
            pairs.push(("kind", joined(&self.kind)));
        }
        if !self.queue.is_empty() {
            pairs.push(("queue", joined(&self.queue)));
        }
        let time = |when: &When| when.at(now).to_string();
        let more = [
            ("tag", self.tag.as_ref().map(ToString::to_string)),
            ("accepted_from", self.from.as_ref().map(time)),
            ("accepted_before", self.before.as_ref().map(time)),
        ];
        let given = more.into_iter();
        pairs.extend(given.filter_map(|(name, value)| Some((name, value?))));
        pairs
    }
}

fn joined(names: &[impl ToString]) -> String {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    names.join(",")
}

/// A time, or how long ago it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    At(Timestamp),
    Ago(Duration),
}

impl When {
    fn read(text: &str) -> Result<Self, String> {
        if let Ok(at) = text.parse() {
            return Ok(Self::At(at));
        }
        parse_duration(text).map(Self::Ago).map_err(|_| {
            format!(
                "{text:?} is neither an RFC 3339 time, such as 2026-11-21T07:00:00Z, \
                 nor how long ago, such as 2h"
            )
        })
    }

    fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(length) => now - length,
        }
    }
}

/// Reads a checked type; the flag's name stands before the reason already.
pub(crate) fn checked<T: FromStr<Err = Invalid>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|invalid: Invalid| invalid.why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        filter: FilterFlags,
    }

    fn pairs(line: &str) -> Vec<(&'static str, String)> {
        let line = Line::try_parse_from(line.split_whitespace()).unwrap();
        line.filter.pairs("2026-11-21T07:00:00Z".parse().unwrap())
    }

    #[test]
    fn flags_become_the_words_of_the_api() {
        let said =
            pairs("x --kind a,b --kind c --tag t:1 --from 2h --before 2026-11-21T06:30:00+01:00");
        let expected = [
            ("kind", "a,b,c"),
            ("tag", "t:1"),
            ("accepted_from", "2026-11-21T05:00:00Z"),
            ("accepted_before", "2026-11-21T05:30:00Z"),
        ];
        assert_eq!(said, expected.map(|(name, value)| (name, value.to_owned())));
        assert!(pairs("x").is_empty());
    }

    #[test]
    fn what_cannot_be_right_is_refused_before_anybody_is_asked() {
        for line in [
            "x --kind a/b",
            "x --from yesterday",
            "x --queue *",
            "x --tag a,b",
        ] {
            let parsed = Line::try_parse_from(line.split_whitespace());
            assert!(parsed.is_err(), "{line}");
        }
    }
}
