//! Submitting many jobs from a file with a job on each line.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use shared::job::JobId;
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read as _},
    path::Path,
};

use crate::{
    Result,
    exit::{Code, Failure},
    operate::{
        client::Request,
        desk::Desk,
        problem::Words,
        wire::{List, Submitted},
    },
    output::{clean, indent},
};

/// Most jobs in one request.
const MOST_JOBS: usize = 1000;

/// A request with more bytes than this gets no further job: larger ones share a few places.
const ENOUGH_BYTES: usize = 900 * 1024;

/// Most bytes of one line: the args may take 1 MiB, and escapes may make them longer.
const MOST_LINE: u64 = 8 * 1024 * 1024;

/// Jobs for one request.
#[derive(Debug, Default)]
struct Batch {
    /// An array of jobs, but for its closing bracket.
    json: String,
    /// The line of each job.
    lines: Vec<u64>,
}

/// What became of all of them.
#[derive(Debug, Default)]
struct Total {
    new: u64,
    repeated: u64,
    duplicate: u64,
    /// The last line whose job was accepted.
    line: u64,
    /// Whether the first item was printed.
    begun: bool,
}

/// Reads a file, or the standard input for `-`, and submits every job in it.
pub(super) async fn submit(desk: &mut Desk, path: &Path) -> Result {
    if path.as_os_str() == "-" {
        return submit_all(desk, io::stdin().lock()).await;
    }
    let name = clean::line(&path.to_string_lossy()).into_owned();
    let file = File::open(path).map_err(|error| Failure::from(error).about(&name))?;
    submit_all(desk, BufReader::new(file)).await
}

async fn submit_all(desk: &mut Desk, mut from: impl BufRead) -> Result {
    let mut total = Total::default();
    let mut number = 0;
    let mut open = true;
    let mut failed = None;
    while open && failed.is_none() {
        let batch = match fill(&mut from, &mut number) {
            Ok((batch, more)) => {
                open = more;
                batch
            }
            Err(failure) => {
                failed = Some(failure);
                break;
            }
        };
        if !batch.lines.is_empty() {
            failed = send(desk, batch, &mut total).await.err();
        }
    }
    desk.printer.progress_over();
    finish(desk, &total)?;
    match failed {
        None => Ok(()),
        Some(failure) => Err(failure.hint(&total.so_far())),
    }
}

impl Total {
    /// What a caller must know before going on.
    fn so_far(&self) -> String {
        match self.line {
            0 => "nothing was accepted before".to_owned(),
            line => format!(
                "the jobs of lines 1 to {line} are accepted; go on with `tail -n +{} FILE | \
                 windlass job submit --file -`",
                line + 1
            ),
        }
    }
}

/// Reads lines until there are enough for one request; answers whether there may be more.
fn fill(from: &mut impl BufRead, number: &mut u64) -> Result<(Batch, bool)> {
    let mut batch = Batch::default();
    let mut line = Vec::new();
    while batch.lines.len() < MOST_JOBS && batch.json.len() < ENOUGH_BYTES {
        line.clear();
        let read = from.by_ref().take(MOST_LINE).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok((batch, false));
        }
        *number += 1;
        let wrong = |why: &str| Failure::new(Code::Usage, format!("line {number}: {why}"));
        if read as u64 == MOST_LINE {
            return Err(wrong("is longer than 8 MiB"));
        }
        let text = std::str::from_utf8(&line).map_err(|_| wrong("is not UTF-8"))?;
        let text = text.trim();
        if !text.is_empty() {
            let job = with_id(text, JobId::generate).map_err(|why| wrong(&why))?;
            batch
                .json
                .push(if batch.lines.is_empty() { '[' } else { ',' });
            batch.json.push_str(&job);
            batch.lines.push(*number);
        }
    }
    Ok((batch, true))
}

/// A job as it was written, with an id of our own where it has none: sent again after its answer
/// was lost, it is recognised.
fn with_id(text: &str, id: impl FnOnce() -> JobId) -> Result<String, String> {
    #[derive(Deserialize)]
    struct Peek<'a> {
        #[serde(default, borrow, deserialize_with = "given")]
        id: Option<&'a RawValue>,
    }
    let inside = text
        .strip_prefix('{')
        .ok_or("is not a job: a JSON object on one line")?;
    let peek: Peek<'_> = serde_json::from_str(text).map_err(|error| {
        // The line within the line is always the first.
        let column = error.column();
        let why = error.to_string();
        let why = why.split(" at line ").next().unwrap_or_default();
        format!("is not JSON: {why} at column {column}")
    })?;
    match peek.id {
        Some(id) if id.get() == "null" => Err("its id is null: leave it out".to_owned()),
        Some(_) => Ok(text.to_owned()),
        None if inside.trim_start().starts_with('}') => Ok(format!("{{\"id\":\"{}\"}}", id())),
        None => Ok(format!("{{\"id\":\"{}\",{inside}", id())),
    }
}

/// A member that is there, be it null.
fn given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

async fn send(desk: &mut Desk, mut batch: Batch, total: &mut Total) -> Result {
    batch.json.push(']');
    let request = Request::post(&["v1", "jobs"]).json(batch.json);
    let answer = desk.ask(request, Words::Lines(&batch.lines)).await;
    let answer = answer.map_err(|failure| failure.about(&told(&batch.lines)))?;
    let verdicts: List<Submitted> = answer.read()?;
    for item in &verdicts.items {
        match item.verdict.as_str() {
            "repeated" => total.repeated += 1,
            "duplicate" => total.duplicate += 1,
            _ => total.new += 1,
        }
    }
    total.line = batch.lines.last().copied().unwrap_or(total.line);
    if desk.json() {
        let list: List<Box<RawValue>> = answer.read()?;
        for item in &list.items {
            let before = if total.begun {
                ","
            } else {
                "{\n  \"items\": ["
            };
            total.begun = true;
            let item = indent(item.get(), 2);
            desk.printer.part(format_args!("{before}\n    {item}"))?;
        }
    }
    let done = total.new + total.repeated + total.duplicate;
    desk.printer.progress(format_args!("{done} jobs sent"));
    Ok(())
}

fn told(lines: &[u64]) -> String {
    match lines {
        [first, .., last] => format!("lines {first} to {last}"),
        [line] => format!("line {line}"),
        [] => "no line".to_owned(),
    }
}

fn finish(desk: &mut Desk, total: &Total) -> Result {
    if desk.json() {
        let items = if total.begun {
            "\n  ]"
        } else {
            "{\n  \"items\": []"
        };
        return desk
            .printer
            .line(format_args!("{items},\n  \"next\": null\n}}"));
    }
    let mut told = vec![format!("{} new", total.new)];
    for (count, what) in [
        (total.repeated, "accepted before"),
        (total.duplicate, "not accepted: their unique keys are held"),
    ] {
        if count > 0 {
            told.push(format!("{count} {what}"));
        }
    }
    desk.printer.line(told.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> JobId {
        "0197f2c4-6f2e-7b1c-8d7a-3f5f0a6f2b11".parse().unwrap()
    }

    #[test]
    fn a_job_gets_an_id_and_stays_as_it_was_written() {
        let given = |text: &str| with_id(text, id).unwrap();
        assert_eq!(
            given(r#"{ "kind": "a", "args": {"id": 1.0} }"#),
            format!(
                r#"{{"id":"{}", "kind": "a", "args": {{"id": 1.0}} }}"#,
                id()
            )
        );
        assert_eq!(given("{ }"), format!(r#"{{"id":"{}"}}"#, id()));
        let own = r#"{"kind":"a","id":"0197f2c4-6f2e-7b1c-8d7a-000000000000"}"#;
        assert_eq!(given(own), own);
        for made in [given("{}"), given(r#"{"kind":"a"}"#)] {
            serde_json::from_str::<serde_json::Value>(&made).unwrap();
        }
    }

    #[test]
    fn a_wrong_line_is_named_by_its_number() {
        let file = "{\"kind\":\"a\"}\n\n{\"kind\":\n";
        let mut number = 0;
        let failure = fill(&mut file.as_bytes(), &mut number).unwrap_err();
        assert!(
            format!("{failure:?}").contains("line 3: is not JSON: EOF"),
            "{failure:?}"
        );
        for (text, why) in [
            ("[]", "is not a job"),
            ("{\"id\":null}", "leave it out"),
            ("{} {}", "trailing characters at column 4"),
        ] {
            let told = with_id(text, id).unwrap_err();
            assert!(told.contains(why), "{told}");
        }
    }

    #[test]
    fn a_batch_ends_at_a_thousand_jobs_or_enough_bytes() {
        let mut number = 0;
        let many = "{\"kind\":\"a\"}\n".repeat(1500);
        let mut from = many.as_bytes();
        let (batch, more) = fill(&mut from, &mut number).unwrap();
        assert_eq!(
            (batch.lines.len(), batch.lines[999], more),
            (1000, 1000, true)
        );
        let (batch, more) = fill(&mut from, &mut number).unwrap();
        assert_eq!(
            (batch.lines.len(), batch.lines[0], more),
            (500, 1001, false)
        );
        let large = format!("{{\"kind\":\"{}\"}}\n", "x".repeat(500_000)).repeat(5);
        let (batch, more) = fill(&mut large.as_bytes(), &mut 0).unwrap();
        assert_eq!((batch.lines.len(), more), (2, true));
    }
}
