//! Everything about one job, on one screen.

use shared::{clock::Timestamp, job::JobId};

use super::why::why;
use crate::{
    Result,
    operate::{
        client::{Answer, Request},
        desk::Desk,
        problem::Words,
        wire::{Detail, List, Queue, Worker},
    },
    output::{
        Table,
        age::{self, relative},
        clean, indent,
        table::{plain, state},
    },
};

/// Prints everything about a job.
pub(crate) async fn show(desk: &mut Desk, id: JobId) -> Result {
    let request = Request::get(&["v1", "jobs", &id.to_string()]);
    let Some(answer) = desk.show(request, Words::NONE).await? else {
        return Ok(());
    };
    let detail = Detail::of(&answer)?;
    let waits_for = waits_for(desk, &detail).await?;
    let text = render(&detail, waits_for.as_deref(), desk.now());
    desk.printer.line(text)
}

/// Why a job that waits is not running; asks only about those.
async fn waits_for(desk: &Desk, detail: &Detail) -> Result<Option<String>> {
    let job = &detail.job;
    if !matches!(job.state.as_str(), "scheduled" | "retryable" | "available") {
        return Ok(None);
    }
    let queues: List<Queue> = read(desk, "queues").await?.read()?;
    let workers: List<Worker> = read(desk, "workers").await?.read()?;
    let queue = queues.items.iter().find(|queue| queue.name == job.queue);
    let last = detail.more.errors.last();
    Ok(why(job, last, queue, &workers.items, desk.now()))
}

async fn read(desk: &Desk, what: &str) -> Result<Answer> {
    desk.ask(Request::get(&["v1", what]), Words::NONE).await
}

/// A job as text.
fn render(detail: &Detail, waits_for: Option<&str>, now: Timestamp) -> String {
    let mut parts = vec![facts(detail, waits_for, now).render()];
    let more = &detail.more;
    let blocks = [
        ("args", Some(&more.args)),
        ("progress", more.progress.as_ref()),
        ("result", more.result.as_ref()),
    ];
    for (name, json) in blocks {
        if let Some(json) = json {
            let json = indent(json.get(), 0).replace('\n', "\n  ");
            parts.push(format!("{name}:\n  {json}"));
        }
    }
    if !more.errors.is_empty() {
        parts.push(format!("errors:\n{}", errors(detail, now).render()));
    }
    parts.join("\n\n")
}

/// Names and values.
struct Facts(Table);

impl Facts {
    fn say(&mut self, name: &str, value: &str) {
        self.0.row([plain(name), plain(value)]);
    }

    fn maybe(&mut self, name: &str, value: Option<String>) {
        if let Some(value) = value {
            self.say(name, &value);
        }
    }

    fn time(&mut self, name: &str, at: Option<Timestamp>, now: Timestamp) {
        self.maybe(name, at.map(|at| format!("{at} ({})", relative(at, now))));
    }
}

fn facts(detail: &Detail, waits_for: Option<&str>, now: Timestamp) -> Table {
    let (job, more) = (&detail.job, &detail.more);
    let mut facts = Facts(Table::headless());
    facts.say("id", &job.id);
    facts.0.row([plain("state"), state(&job.state)]);
    facts.maybe("not running", waits_for.map(str::to_owned));
    facts.say("kind", &job.kind);
    facts.say("queue", &job.queue);
    facts.say("priority", &job.priority.to_string());
    facts.say("attempt", &attempts(detail));
    facts.maybe("worker", more.worker.map(|worker| worker.to_string()));
    facts.maybe("tags", joined(&job.tags));
    facts.time("accepted", Some(job.accepted_at), now);
    let due = match job.state.as_str() {
        "scheduled" | "retryable" => "due",
        _ => "available",
    };
    facts.time(due, job.due_at, now);
    facts.time("claimed", job.claimed_at, now);
    facts.time("ended", job.ended_at, now);
    if let (Some(claimed), Some(ended)) = (job.claimed_at, job.ended_at) {
        facts.say("took", &age::length(ended.since(claimed)));
    }
    if let Some(asked) = &more.cancel_requested {
        let told = format!(
            "{} ({}): {}",
            asked.at,
            relative(asked.at, now),
            asked.reason
        );
        facts.say("asked to stop", &told);
    }
    if let Some(error) = &job.error {
        facts.say("error", &format!("{}: {}", error.title, error.detail));
    }
    settings(&mut facts, detail);
    facts.0
}

/// What was said when it was submitted, and its relations.
fn settings(facts: &mut Facts, detail: &Detail) {
    let (job, more) = (&detail.job, &detail.more);
    facts.maybe("timeout", more.timeout.clone());
    if let Some(backoff) = &more.backoff {
        let (base, factor, cap) = (&backoff.base, backoff.factor, &backoff.cap);
        facts.say("backoff", &format!("{base} x {factor}, at most {cap}"));
    }
    if let Some(unique) = &more.unique {
        let held = match (&unique.until, &unique.window) {
            (Some(until), _) => format!(" until it has {until}"),
            (None, Some(window)) => format!(" for {window}"),
            (None, None) => String::new(),
        };
        facts.say("unique key", &format!("{:?}{held}", unique.key));
    }
    if more.content_type != "application/json" {
        facts.say(
            "content type",
            &format!("{} (args in base64)", more.content_type),
        );
    }
    facts.maybe("replay of", job.replay_of.clone());
    facts.maybe("replayed as", job.replayed_as.clone());
    let link = more.trace_url.clone();
    facts.maybe("trace", link.or_else(|| more.trace_id.clone()));
    if job.state == "discarded" && job.replayed_as.is_none() {
        facts.say("run again", &format!("windlass dlq replay {}", job.id));
    }
}

fn attempts(detail: &Detail) -> String {
    let job = &detail.job;
    let counted = format!("{} of {}", job.attempt, job.max_attempts);
    match job.crashes {
        0 => counted,
        1 => format!("{counted}, and 1 crash"),
        crashes => format!("{counted}, and {crashes} crashes"),
    }
}

fn joined(words: &[String]) -> Option<String> {
    (!words.is_empty()).then(|| words.join(", "))
}

fn errors(detail: &Detail, now: Timestamp) -> Table {
    let mut table = Table::new(&["attempt", "when", "worker", "kind", "message"]);
    for error in &detail.more.errors {
        let message = match &error.error_type {
            Some(name) => format!("{name}: {}", error.message),
            None => error.message.clone(),
        };
        table.row([
            plain(&error.attempt.to_string()),
            plain(&relative(error.at, now)),
            plain(&error.worker.to_string()),
            plain(&error.kind),
            plain(&clean::line(&message)),
        ]);
    }
    table
}
