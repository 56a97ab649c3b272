//! Submitting one job: flags become the body of a request.

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::value::RawValue;
use shared::{
    backoff::Backoff,
    clock::Timestamp,
    config::human::parse_duration,
    job::{JobId, Kind, QueueName, Tag},
};
use std::{
    fs::File,
    io::{self, Read},
    path::PathBuf,
    time::Duration,
};

use super::{bulk, until_ended, verdict};
use crate::{
    Result,
    exit::{Code, Failure},
    operate::{client::Request, desk::Desk, filter::checked, problem::Words, wire::Submitted},
    output::clean,
};

/// Most bytes of args that are read: more than the API takes, so that it is the API that says so.
const MOST_ARGS: u64 = 4 * 1024 * 1024;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  windlass job submit http '{\"url\": \"https://example.com\"}' --watch
  windlass job submit report @args.json --queue reports --delay 10m --max-attempts 5
  generate-args | windlass job submit report - --unique monthly --unique-until finished
  windlass job submit --file jobs.ndjson

Each line of a file for --file is a job as the API takes it:
  {\"kind\": \"send_email\", \"args\": {\"to\": \"ada@example.com\"}, \"queue\": \"mail\"}")]
pub(crate) struct Submit {
    /// What the job does; a worker must have a handler for it.
    #[arg(value_name = "KIND", required_unless_present = "file", value_parser = checked::<Kind>)]
    kind: Option<Kind>,
    /// What it carries: JSON, @FILE, or - for standard input [default: {}].
    #[arg(value_name = "ARGS", allow_negative_numbers = true)]
    args: Option<String>,
    /// Follows the job until it ends; exits with 0 when it completed, else with 1.
    #[arg(long)]
    watch: bool,
    /// Submits many: a job as JSON on each line of this file, or of standard input for -.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["kind", "args", "watch", "Options"])]
    file: Option<PathBuf>,
    #[command(flatten)]
    options: Options,
}

/// What is said of a job beside its kind and args.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Job")]
pub(crate) struct Options {
    /// Where it waits [default: default].
    #[arg(long, value_name = "QUEUE", value_parser = checked::<QueueName>)]
    queue: Option<QueueName>,
    /// 0 (sooner) to 9 (later) [default: 5].
    #[arg(long, value_name = "0-9", value_parser = clap::value_parser!(u8).range(0..=9))]
    priority: Option<u8>,
    /// Puts it off for so long, as in 30s or 1h30m.
    #[arg(long, value_name = "LENGTH", value_parser = length, conflicts_with = "run_at")]
    delay: Option<String>,
    /// Puts it off until then: RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = checked::<Timestamp>)]
    run_at: Option<Timestamp>,
    /// How often it may fail [default: the configuration's].
    #[arg(long, value_name = "COUNT")]
    max_attempts: Option<u32>,
    /// How long one attempt may take [default: the worker's].
    #[arg(long, value_name = "LENGTH", value_parser = length)]
    timeout: Option<String>,
    /// Ceiling of the wait after the first failure [default: the worker's, else 10s].
    #[arg(long, value_name = "LENGTH", value_parser = duration)]
    backoff_base: Option<Duration>,
    /// What that ceiling is multiplied by with each failure [default: the worker's, else 2].
    #[arg(long, value_name = "NUMBER")]
    backoff_factor: Option<f64>,
    /// No wait has a higher ceiling [default: the worker's, else 4d].
    #[arg(long, value_name = "LENGTH", value_parser = duration)]
    backoff_cap: Option<Duration>,
    /// Held by one job at a time within its queue and kind; a second one is not accepted.
    #[arg(long, value_name = "KEY")]
    unique: Option<String>,
    /// How long the key is held [default: until it has finished].
    #[arg(
        long,
        value_name = "WHEN",
        requires = "unique",
        conflicts_with = "unique_window"
    )]
    unique_until: Option<Until>,
    /// Holds the key for so long after the job was accepted.
    #[arg(long, value_name = "LENGTH", requires = "unique", value_parser = length)]
    unique_window: Option<String>,
    /// A word to find it by; may be repeated.
    #[arg(long = "tag", value_name = "TAG", value_parser = checked::<Tag>)]
    tags: Vec<Tag>,
    /// Its id, a version 7 UUID: submitted again, it is the same job [default: one is made].
    #[arg(long, value_name = "ID", value_parser = checked::<JobId>)]
    id: Option<JobId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Until {
    Started,
    Finished,
}

/// The members of the body, and the flags that they come from.
const FLAGS: [(&str, &str); 15] = [
    ("id", "--id"),
    ("kind", "KIND"),
    ("args", "ARGS"),
    ("queue", "--queue"),
    ("priority", "--priority"),
    ("delay", "--delay"),
    ("run_at", "--run-at"),
    ("max_attempts", "--max-attempts"),
    ("timeout", "--timeout"),
    ("backoff/base", "--backoff-base"),
    ("backoff/factor", "--backoff-factor"),
    ("backoff/cap", "--backoff-cap"),
    ("unique/key", "--unique"),
    ("unique/window", "--unique-window"),
    ("tags", "--tag"),
];

/// A job as the API takes it.
#[derive(Debug, Serialize)]
struct Body<'a> {
    id: JobId,
    kind: &'a Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    args: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<&'a QueueName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backoff: Option<Backoff>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unique: Option<Unique<'a>>,
    #[serde(skip_serializing_if = "<[Tag]>::is_empty")]
    tags: &'a [Tag],
}

#[derive(Debug, Serialize)]
struct Unique<'a> {
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Until>,
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<&'a str>,
}

impl Options {
    fn body<'a>(&'a self, id: JobId, kind: &'a Kind, args: Option<&'a RawValue>) -> Body<'a> {
        Body {
            id,
            kind,
            args,
            queue: self.queue.as_ref(),
            priority: self.priority,
            delay: self.delay.as_deref(),
            run_at: self.run_at,
            max_attempts: self.max_attempts,
            timeout: self.timeout.as_deref(),
            backoff: self.backoff(),
            unique: self.unique(),
            tags: &self.tags,
        }
    }

    /// All three or none: what is left out of them is as everywhere by default.
    fn backoff(&self) -> Option<Backoff> {
        let said = (self.backoff_base, self.backoff_factor, self.backoff_cap);
        if said == (None, None, None) {
            return None;
        }
        let usual = Backoff::default();
        Some(Backoff {
            base: self.backoff_base.unwrap_or(usual.base),
            factor: self.backoff_factor.unwrap_or(usual.factor),
            cap: self.backoff_cap.unwrap_or(usual.cap),
        })
    }

    fn unique(&self) -> Option<Unique<'_>> {
        let window = self.unique_window.as_deref();
        let until = self.unique_until.unwrap_or(Until::Finished);
        self.unique.as_deref().map(|key| Unique {
            key,
            until: window.is_none().then_some(until),
            window,
        })
    }
}

impl Submit {
    pub(super) async fn run(self, desk: &mut Desk) -> Result {
        if let Some(file) = &self.file {
            return bulk::submit(desk, file).await;
        }
        // The parser has seen to it that there is a kind when there is no file.
        let Some(kind) = &self.kind else {
            return Err(Failure::new(Code::Usage, "KIND is missing"));
        };
        let args = self.args.as_deref().map(read_args).transpose()?;
        // Made here, so that the request can be sent again when its answer is lost.
        let id = self.options.id.unwrap_or_else(JobId::generate);
        let body = self.options.body(id, kind, args.as_deref());
        let request = Request::post(&["v1", "jobs"]).body(&body)?;
        let answer = desk.ask(request, Words::Flags(&FLAGS)).await?;
        let submitted: Submitted = answer.read()?;
        if !self.watch {
            if desk.json() {
                return desk.printer.document(answer.text());
            }
            return desk.printer.line(told(&submitted));
        }
        if !desk.json() {
            desk.printer.line(told(&submitted))?;
        }
        let id: JobId = submitted.id.parse().map_err(|_| {
            let id = clean::line(&submitted.id);
            Failure::new(
                Code::Failed,
                format!("the API answered {id:?}, which is no id"),
            )
        })?;
        let ended = until_ended(desk, id).await?;
        verdict(&ended.read()?)
    }
}

fn told(submitted: &Submitted) -> String {
    let id = clean::line(&submitted.id);
    match (submitted.verdict.as_str(), &submitted.state) {
        ("new", Some(state)) => format!("{id} is accepted and {}", clean::line(state)),
        ("new", None) => format!("{id} is accepted"),
        ("repeated", _) => format!("{id} was accepted before: nothing is changed"),
        ("duplicate", _) => format!("{id} holds the unique key: no second job is accepted"),
        (verdict, _) => format!("{id} {}", clean::line(verdict)),
    }
}

/// The args as JSON: the text itself, a file's, or the standard input's.
fn read_args(text: &str) -> Result<Box<RawValue>> {
    let (name, json) = if text == "-" {
        ("standard input", read(io::stdin().lock())?)
    } else if let Some(path) = text.strip_prefix('@') {
        let failed = |error: io::Error| Failure::from(error).about(path);
        let file = File::open(path).map_err(failed)?;
        (path, read(file).map_err(|failure| failure.about(path))?)
    } else {
        ("ARGS", text.to_owned())
    };
    RawValue::from_string(json.trim().to_owned()).map_err(|error| {
        let hint =
            "args are JSON: '{\"url\": \"https://example.com\"}', @FILE, or - for standard input";
        Failure::new(
            Code::Usage,
            format!("{name}: is not JSON: {error}\n  {hint}"),
        )
    })
}

fn read(from: impl Read) -> Result<String> {
    let mut text = String::new();
    from.take(MOST_ARGS + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MOST_ARGS {
        let why = "is more than 4 MiB; keep the bulk elsewhere and put its address into the args";
        return Err(Failure::new(Code::Usage, why));
    }
    Ok(text)
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text)
}

/// A length of time that is sent as it was written.
fn length(text: &str) -> Result<String, String> {
    parse_duration(text).map(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        submit: Submit,
    }

    fn body(line: &[&str]) -> Result<String, clap::Error> {
        let line = Line::try_parse_from([&["submit"], line].concat())?;
        let Submit {
            kind,
            args,
            options,
            ..
        } = line.submit;
        let id = options.id.unwrap();
        let args = args.map(|args| read_args(&args).unwrap());
        let body = options.body(id, kind.as_ref().unwrap(), args.as_deref());
        Ok(serde_json::to_string(&body).unwrap())
    }

    const ID: [&str; 2] = ["--id", "0197f2c4-6f2e-7b1c-8d7a-3f5f0a6f2b11"];

    fn sent(line: &[&str]) -> String {
        body(&[line, &ID].concat()).unwrap()
    }

    #[test]
    fn what_is_not_said_is_not_sent() {
        insta::assert_snapshot!(sent(&["mail"]),
            @r#"{"id":"0197f2c4-6f2e-7b1c-8d7a-3f5f0a6f2b11","kind":"mail"}"#);
    }

    #[test]
    fn every_flag_becomes_its_member_and_args_stay_as_written() {
        let line = "mail {\"n\":1.50,\"big\":123456789012345678901234567890} --queue q --priority 0 \
            --run-at 2026-11-21T08:00:00+01:00 --max-attempts 3 --timeout 1m30s --backoff-base 5s \
            --unique k --tag a --tag b:1";
        let line: Vec<&str> = line.split_whitespace().collect();
        insta::assert_snapshot!(sent(&line), @r#"{"id":"0197f2c4-6f2e-7b1c-8d7a-3f5f0a6f2b11","kind":"mail","args":{"n":1.50,"big":123456789012345678901234567890},"queue":"q","priority":0,"run_at":"2026-11-21T07:00:00Z","max_attempts":3,"timeout":"1m30s","backoff":{"base":"5s","factor":2.0,"cap":"4d"},"unique":{"key":"k","until":"finished"},"tags":["a","b:1"]}"#);
    }

    #[test]
    fn a_unique_key_is_held_in_one_way() {
        let window = sent(&["mail", "--unique", "k", "--unique-window", "1h"]);
        assert!(
            window.contains(r#""unique":{"key":"k","window":"1h"}"#),
            "{window}"
        );
        let started = sent(&["mail", "--unique", "k", "--unique-until", "started"]);
        assert!(started.contains(r#""until":"started""#), "{started}");
        for wrong in [
            &["mail", "--unique-until", "started"][..],
            &[
                "mail",
                "--unique",
                "k",
                "--unique-until",
                "started",
                "--unique-window",
                "1h",
            ],
            &["mail", "--delay", "1s", "--run-at", "2026-11-21T08:00:00Z"],
            &["mail", "--priority", "10"],
            &["mail", "--delay", "soon"],
            &["--file", "x", "mail"],
            &["--file", "x", "--queue", "q"],
            &[],
        ] {
            let refused = Line::try_parse_from([&["submit"], wrong].concat());
            assert!(refused.is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn args_may_be_any_json_and_nothing_else() {
        assert!(sent(&["mail", "-5"]).contains(r#""args":-5"#));
        assert!(sent(&["mail", "null"]).contains(r#""args":null"#));
        for text in ["{", "nul", "{} {}", "@/nonexistent/file", ""] {
            assert!(read_args(text).is_err(), "{text:?}");
        }
    }
}
