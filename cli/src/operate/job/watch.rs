//! Following a job: each change of state, attempt and progress, until it ends.

use serde_json::value::RawValue;
use shared::{clock::Timestamp, job::JobId, patience::jittered};
use std::time::Duration;
use tokio::time::Instant;

use crate::{
    Result,
    exit::{Code, Failure},
    operate::{
        client::{Answer, Request},
        desk::Desk,
        problem::Words,
        wire::{Detail, Job},
    },
    output::{Table, age, clean, one_line, table},
};

/// How long the API is asked to wait for the end. It answers at once when the job ends; anything
/// else is seen after this time.
const LOOK: Duration = Duration::from_secs(1);

/// Most characters of a progress or a result on its line; `job show` has the whole.
const EXCERPT: usize = 120;

/// How long an API that was there may be away: it is started again, most likely.
const OUTAGE: Duration = Duration::from_mins(1);

/// What is told of a job: as long as it is the same, nothing has changed.
#[derive(Debug, PartialEq)]
struct Seen {
    state: String,
    attempt: u32,
    errors: usize,
    progress: Option<String>,
    stopping: bool,
}

impl Seen {
    fn of(detail: &Detail) -> Self {
        let progress = detail.more.progress.as_deref();
        Self {
            state: detail.job.state.clone(),
            attempt: detail.job.attempt,
            errors: detail.more.errors.len(),
            progress: progress.map(|progress| progress.get().to_owned()),
            stopping: detail.more.cancel_requested.is_some(),
        }
    }
}

/// Follows a job and prints every change; answers it as it ended, or as it is when nobody reads any
/// more.
pub(crate) async fn until_ended(desk: &mut Desk, id: JobId) -> Result<Answer> {
    let mut seen = None;
    // The first look does not wait, so that something is shown at once.
    let mut wait = Duration::ZERO;
    let mut away_since = None;
    loop {
        let began = Instant::now();
        let mut request = Request::get(&["v1", "jobs", &id.to_string()]);
        if !wait.is_zero() {
            let text = format!("{}ms", wait.as_millis());
            request = request.query(vec![("wait", text)]).waiting(wait);
        }
        let answer = match desk.ask(request, Words::NONE).await {
            Ok(answer) => answer,
            Err(failure) if seen.is_some() && failure.is_passing() => {
                let since = *away_since.get_or_insert_with(|| {
                    let text = failure.message();
                    desk.printer
                        .hint(format_args!("{text}\n  trying again for a minute"));
                    began
                });
                if since.elapsed() > OUTAGE {
                    return Err(failure);
                }
                tokio::time::sleep(jittered(LOOK)).await;
                continue;
            }
            Err(failure) => return Err(failure),
        };
        away_since = None;
        let detail = Detail::of(&answer)?;
        let now = Some(Seen::of(&detail));
        if seen != now {
            tell(desk, &answer, &detail)?;
            seen = now;
        }
        if detail.job.ended_at.is_some() || desk.printer.is_gone() {
            return Ok(answer);
        }
        // An API that is stopping answers early; it is not to be asked without end.
        let early = wait.saturating_sub(began.elapsed());
        if early > LOOK / 2 {
            tokio::time::sleep(jittered(early)).await;
        }
        wait = LOOK;
    }
}

fn tell(desk: &mut Desk, answer: &Answer, detail: &Detail) -> Result {
    if desk.json() {
        return desk.printer.record(answer.text());
    }
    let now = desk.now();
    let mut row = Table::headless();
    row.row([
        table::plain(&time_of_day(now)),
        table::state(&detail.job.state),
        table::plain(&describe(detail, now)),
    ]);
    desk.printer.line(row.render())
}

/// The time of day in UTC, to the second.
fn time_of_day(now: Timestamp) -> String {
    let text = Timestamp::from_micros(now.as_secs().saturating_mul(1_000_000)).to_string();
    let time = text.split('T').nth(1).unwrap_or_default();
    time.to_owned()
}

fn describe(detail: &Detail, now: Timestamp) -> String {
    let job = &detail.job;
    let mut parts = Vec::new();
    if job.attempt > 0 {
        parts.push(format!("attempt {} of {}", job.attempt, job.max_attempts));
    }
    if let ("retryable" | "scheduled", Some(due)) = (job.state.as_str(), job.due_at) {
        parts.push(format!("due {}", age::relative(due, now)));
    }
    if let Some(error) = &job.error {
        parts.push(error.detail.clone());
    }
    if job.state == "running" {
        if detail.more.cancel_requested.is_some() {
            parts.push("is asked to stop".to_owned());
        }
        parts.extend(compact("progress", detail.more.progress.as_deref()));
    }
    parts.extend(compact("result", detail.more.result.as_deref()));
    parts.join(", ")
}

/// The beginning of a JSON value on the same line.
fn compact(what: &str, json: Option<&RawValue>) -> Option<String> {
    json.map(|json| {
        let json = one_line(json.get());
        let mut chars = json.chars();
        let start: String = chars.by_ref().take(EXCERPT).collect();
        let cut = chars.next().map_or("", |_| "…");
        format!("{what} {start}{cut}")
    })
}

/// Whether a job that has ended did what it was for.
///
/// # Errors
/// When it was cancelled or discarded.
pub(crate) fn verdict(job: &Job) -> Result {
    if job.state == "completed" || job.ended_at.is_none() {
        return Ok(());
    }
    let id = clean::line(&job.id);
    let mut told = format!("job {id} was {}", clean::line(&job.state));
    if let Some(error) = &job.error {
        told.push_str(": ");
        told.push_str(&clean::block(&error.detail, "  "));
    }
    if job.state == "discarded" {
        told.push_str("\n  when its cause is mended: `windlass dlq replay ");
        told.push_str(&id);
        told.push('`');
    }
    Err(Failure::new(Code::Failed, told))
}
