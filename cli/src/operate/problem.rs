//! Problems of the API (RFC 9457), told in the words of the command line.

use serde::Deserialize;
use std::{fmt::Write as _, time::Duration};

use crate::{
    exit::{Code, Failure},
    output::clean,
};

/// What the places in a request are called where it came from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Words<'w> {
    /// Flags, each with the member or parameter that it sets; a member without one keeps its name.
    Flags(&'w [(&'static str, &'static str)]),
    /// Items of an array, each with the number of the line it was read from.
    Lines(&'w [u64]),
}

impl Words<'_> {
    /// For requests that nothing but their path was said in.
    pub(crate) const NONE: Self = Self::Flags(&[]);

    /// What a place is called.
    fn name(&self, place: &str) -> String {
        let path = place.trim_start_matches("#/");
        match self {
            Self::Flags(flags) => {
                let fits = |member: &str| {
                    path.strip_prefix(member)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                };
                // `unique/key` before `unique`: the longest name says most.
                let found = flags
                    .iter()
                    .filter(|(member, _)| fits(member))
                    .max_by_key(|(member, _)| member.len());
                found.map_or_else(|| path.to_owned(), |(_, flag)| (*flag).to_owned())
            }
            Self::Lines(lines) => {
                let (index, rest) = path.split_once('/').unwrap_or((path, ""));
                let line = index.parse().ok().and_then(|index: usize| lines.get(index));
                match line {
                    Some(line) if rest.is_empty() => format!("line {line}"),
                    Some(line) => format!("line {line}: {rest}"),
                    None => path.to_owned(),
                }
            }
        }
    }
}

/// A problem as it is read.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Problem {
    r#type: String,
    title: String,
    #[serde(skip)]
    pub(super) status: u16,
    detail: Option<String>,
    instance: Option<String>,
    state: Option<String>,
    #[serde(default)]
    errors: Vec<Fault>,
    #[serde(default)]
    errors_left_out: u64,
    /// The id of the request, as the log of the API has it.
    #[serde(skip)]
    pub(super) request: Option<String>,
    /// How long the server asks to be left alone.
    #[serde(skip)]
    pub(super) retry_after: Option<Duration>,
}

/// One thing that is wrong with a request.
#[derive(Debug, Clone, Deserialize)]
struct Fault {
    pointer: Option<String>,
    parameter: Option<String>,
    detail: String,
}

impl Problem {
    /// The last part of its type.
    fn name(&self) -> &str {
        self.r#type.rsplit('/').next().unwrap_or_default()
    }

    /// Whether it is of this type.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name() == name
    }

    /// The failure of the command.
    pub(crate) fn told(&self, words: Words<'_>) -> Failure {
        Failure::new(self.code(), self.text(words))
    }

    fn code(&self) -> Code {
        match self.status {
            400 | 422 => Code::Usage,
            408 | 429 | 502..=504 => Code::Unavailable,
            401..=499 => Code::Refused,
            _ => Code::Failed,
        }
    }

    fn text(&self, words: Words<'_>) -> String {
        let mut text = uncapitalised(&clean::line(&self.title));
        let mut add = |part: std::fmt::Arguments<'_>| text.write_fmt(part).unwrap_or_default();
        // The hint says the same in the words of the command line.
        let detail = self.detail.as_ref();
        if let Some(detail) = detail.filter(|_| !self.is("job-is-dead-letter")) {
            add(format_args!(": {}", clean::block(detail, "  ")));
        }
        if let Some(state) = &self.state {
            add(format_args!(" (it is {})", clean::line(state)));
        }
        for fault in &self.errors {
            let place = fault.pointer.as_ref().or(fault.parameter.as_ref());
            let place = place.map_or_else(String::new, |place| words.name(place));
            let detail = clean::line(&fault.detail);
            if place.is_empty() || place == "#" {
                add(format_args!("\n  {detail}"));
            } else {
                add(format_args!("\n  {}: {detail}", clean::line(&place)));
            }
        }
        if self.errors_left_out > 0 {
            add(format_args!("\n  and {} more", self.errors_left_out));
        }
        if self.status >= 500 {
            let ids = [("instance", &self.instance), ("request", &self.request)];
            for (name, id) in ids {
                if let Some(id) = id {
                    add(format_args!("\n  {name} {}", clean::line(id)));
                }
            }
            add(format_args!(
                "\n  the log of the API has the cause under it"
            ));
        }
        if let Some(hint) = self.hint() {
            add(format_args!("\n  {hint}"));
        }
        text
    }

    /// What the caller can do here, where the API's own words are about HTTP.
    fn hint(&self) -> Option<&'static str> {
        Some(match self.name() {
            "job-not-found" => "ended jobs are forgotten after a while: see `retention`",
            "queue-not-found" => "`windlass queue list` shows all there are",
            "pipeline-not-found" => "`windlass pipeline list` shows all there are",
            "schedule-not-found" => "`windlass schedule list` shows all there are",
            "destination-not-found" => "`windlass destination list` shows all there are",
            "job-is-dead-letter" => "make a new run of it: `windlass dlq replay ID`",
            "no-such-address" => "is the API of another version?",
            _ => return None,
        })
    }
}

/// A title as the beginning of a message.
fn uncapitalised(title: &str) -> String {
    let mut chars = title.chars();
    let first = chars.next().map(char::to_lowercase);
    first.into_iter().flatten().chain(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(status: u16, json: &str) -> Problem {
        let mut problem: Problem = serde_json::from_str(json).unwrap();
        problem.status = status;
        problem
    }

    const FAULTS: &str = r##"{"type": "/problems/validation-error",
        "title": "The request says something that is not allowed", "status": 422,
        "errors": [{"pointer": "#/max_attempts", "detail": "is not between 1 and 1000"},
                   {"pointer": "#/unique/key", "detail": "is empty"},
                   {"pointer": "#/backoff", "detail": "has a cap below its base"},
                   {"pointer": "#/else", "detail": "is \u001b[31mred"},
                   {"parameter": "accepted_from", "detail": "is no time"},
                   {"pointer": "#", "detail": "is odd"}],
        "errors_left_out": 3}"##;

    #[test]
    fn faults_are_told_by_the_flags_that_caused_them() {
        let flags = [
            ("max_attempts", "--max-attempts"),
            ("unique", "--unique-until"),
            ("unique/key", "--unique"),
            ("back", "--back"),
            ("accepted_from", "--from"),
        ];
        insta::assert_snapshot!(problem(422, FAULTS).text(Words::Flags(&flags)), @r"
        the request says something that is not allowed
          --max-attempts: is not between 1 and 1000
          --unique: is empty
          backoff: has a cap below its base
          else: is \u{1b}[31mred
          --from: is no time
          is odd
          and 3 more
        ");
        assert_eq!(problem(422, FAULTS).code(), Code::Usage);
    }

    #[test]
    fn faults_of_a_batch_are_told_by_their_lines() {
        let json = r##"{"type": "/problems/validation-error", "title": "No", "errors": [
            {"pointer": "#/1/unique/key", "detail": "is empty"}, {"pointer": "#/0", "detail": "is odd"},
            {"pointer": "#/7", "detail": "is beyond"}]}"##;
        insta::assert_snapshot!(problem(422, json).text(Words::Lines(&[4, 6])), @r"
        no
          line 6: unique/key: is empty
          line 4: is odd
          7: is beyond
        ");
    }

    #[test]
    fn a_fault_of_the_server_names_what_to_look_for_in_its_log() {
        let mut problem = problem(
            503,
            r#"{"type": "/problems/store-unavailable", "title": "The store cannot be reached",
                "status": 503, "instance": "urn:uuid:1"}"#,
        );
        problem.request = Some("r-7".to_owned());
        insta::assert_snapshot!(problem.text(Words::NONE), @r"
        the store cannot be reached
          instance urn:uuid:1
          request r-7
          the log of the API has the cause under it
        ");
        assert_eq!(problem.code(), Code::Unavailable);
    }

    #[test]
    fn a_conflict_tells_the_state_and_the_way_out() {
        let problem = problem(
            409,
            r#"{"type": "/problems/job-is-dead-letter", "title": "The job is a dead letter",
                "status": 409, "state": "discarded"}"#,
        );
        insta::assert_snapshot!(problem.text(Words::NONE), @r"
        the job is a dead letter (it is discarded)
          make a new run of it: `windlass dlq replay ID`
        ");
        assert_eq!(problem.code(), Code::Refused);
    }
}
