//! `http`: calls a URL. The job for people who do not write Rust.
//!
//! The call carries `Idempotency-Key` (the job's id, as it is, the way most servers take it),
//! `Windlass-Job-Id` and `Windlass-Attempt`: a job runs at least once, and the one it calls can
//! tell a repetition.

mod args;
mod verdict;

use bytes::Bytes;
use reqwest::header::HeaderMap;
use serde::Serialize;
use serde_json::Value;
use shared::job::Outcome;
use std::{collections::BTreeMap, time::Duration};

pub(crate) use args::Args;

use crate::{
    Context, Done, IntoOutcome,
    handlers::{
        http::verdict::{Verdict, judge},
        outbound::{Body, Error, Outbound, excerpt::excerpt, retry_after::tempered},
    },
};

/// As much of an answer's body is kept with the job.
const KEPT: usize = 64 * 1024;

/// A server that asks for more patience than this is asked again nevertheless.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// The headers of an answer that are kept.
const KEPT_HEADERS: [&str; 8] = [
    "content-type",
    "date",
    "etag",
    "last-modified",
    "link",
    "location",
    "retry-after",
    "x-request-id",
];

/// What an answer leaves behind as the job's result.
#[derive(Debug, PartialEq, Serialize)]
struct Answered {
    status: u16,
    headers: BTreeMap<&'static str, String>,
    /// JSON if the answer is, else text; nothing when it is neither.
    body: Value,
    /// There was more of it, or it broke off.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
}

/// Runs one attempt.
pub(crate) async fn run(ctx: Context, args: Args, outbound: &Outbound) -> Outcome {
    let success = args.success.clone();
    let call = match args.call(ctx.id(), ctx.attempt(), ctx.trace()) {
        Ok(call) => call,
        Err(invalid) => return Outcome::discard(invalid.to_string()),
    };
    let method = call.method.clone();
    let reply = match outbound.send(call).await {
        Ok(reply) => reply,
        Err(error) => return unanswered(&error),
    };
    let (status, asked) = (reply.status, reply.retry_after);
    let headers = kept_headers(&reply.headers);
    let told = format!("{method} {} answered {status}", reply.target);
    let verdict = judge(status, &success, asked);
    // The status has said what became of the call: a body that breaks off or stalls after it must
    // not make a call that was heard be made again.
    let body = reply.read(KEPT).await.unwrap_or(Body {
        bytes: Bytes::new(),
        cut: true,
    });
    let told = match excerpt(&body.bytes) {
        words if words.is_empty() => told,
        words => format!("{told}: {words}"),
    };
    match verdict {
        Verdict::Done => {
            let kept = content(&body, headers.get("content-type").map(String::as_str));
            Done(Answered {
                status: status.as_u16(),
                headers,
                body: kept,
                truncated: body.cut,
            })
            .into_outcome()
        }
        Verdict::Retry(None) => Outcome::retry(told),
        Verdict::Retry(Some(asked)) => {
            Outcome::retry_after(tempered(asked, LONGEST_WAIT, rand::random()), told)
        }
        Verdict::Discard(why) => Outcome::discard(format!("{told} ({why})")),
    }
}

/// The outcome of a call without an answer: only one that may not be made is hopeless.
fn unanswered(error: &Error) -> Outcome {
    match error {
        Error::Refused(refused) => Outcome::discard(refused.to_string()),
        other => Outcome::retry(other.to_string()),
    }
}

fn kept_headers(headers: &HeaderMap) -> BTreeMap<&'static str, String> {
    let text = |name: &'static str| {
        let value = headers.get(name)?.to_str().ok()?;
        Some((name, value.to_owned()))
    };
    KEPT_HEADERS.into_iter().filter_map(text).collect()
}

/// What is kept of a body: JSON when the answer says so or looks like it, else text up to its
/// first byte that is none.
fn content(body: &Body, content_type: Option<&str>) -> Value {
    let declared = content_type.is_some_and(|t| t.to_ascii_lowercase().contains("json"));
    let looks = matches!(body.bytes.trim_ascii_start().first(), Some(b'{' | b'['));
    if (declared || looks)
        && !body.cut
        && let Ok(value) = serde_json::from_slice(&body.bytes)
    {
        return value;
    }
    match std::str::from_utf8(&body.bytes) {
        Ok(text) => Value::String(text.to_owned()),
        // A character that was cut in two is left out.
        Err(error) if error.error_len().is_none() && body.cut => {
            let whole = body.bytes.get(..error.valid_up_to()).unwrap_or_default();
            Value::String(String::from_utf8_lossy(whole).into_owned())
        }
        Err(_) => Value::Null,
    }
}

#[cfg(test)]
mod tests;
