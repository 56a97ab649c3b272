//! Asking a source: the call, and what its answer means before anybody reads it.

use bytes::Bytes;
use serde_json::Value;
use shared::job::Outcome;
use std::time::Duration;

use crate::handlers::outbound::{
    Call, Error, Outbound,
    excerpt::{excerpt, kind_of},
    retry_after::tempered,
};

/// How long a source that sends us away is left alone when it does not say: the window in which
/// `SiStat` counts calls. Calls that it refuses count too, so to come back sooner is to stay out.
const WINDOW: Duration = Duration::from_secs(10);

/// A source that asks for more patience is asked again nevertheless.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// As much of an error's body is read.
const ERROR_BODY: usize = 16 * 1024;

/// Asks a source, and answers with the body, which begins like JSON.
///
/// # Errors
/// The outcome for the job: try again, or never again when the source says that the question is
/// wrong.
pub(super) async fn fetch(
    outbound: &Outbound,
    call: Call<'_>,
    limit: usize,
) -> Result<Bytes, Outcome> {
    let reply = outbound
        .send(call)
        .await
        .map_err(|error| unanswered(&error))?;
    let (status, asked, target) = (reply.status, reply.retry_after, reply.target.clone());
    let content_type = reply.header("content-type").map(str::to_owned);
    if !status.is_success() {
        // What cannot be read of an error is not missed.
        let body = reply.read(ERROR_BODY).await.unwrap_or_default();
        let told = match message(&body.bytes) {
            text if text.is_empty() => format!("{target} answered {status}"),
            text => format!("{target} answered {status}: {text}"),
        };
        return Err(match status.as_u16() {
            429 | 503 => {
                let wait = asked.map_or(WINDOW, |asked| asked.max(WINDOW));
                Outcome::retry_after(tempered(wait, LONGEST_WAIT, rand::random()), told)
            }
            408 | 425 | 500..=599 => Outcome::retry(told),
            300..=399 => Outcome::discard(format!("{told} (redirects are not followed)")),
            _ => Outcome::discard(told),
        });
    }
    let body = reply
        .read(limit)
        .await
        .map_err(|error| unanswered(&error))?;
    if body.cut {
        let why = format!(
            "{target} answered with more than {limit} bytes, the setting outbound.max_response"
        );
        return Err(Outcome::retry(why));
    }
    // Some servers put a byte order mark before their JSON.
    let bytes = match body.bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => body.bytes.slice_ref(rest),
        None => body.bytes,
    };
    match bytes.trim_ascii_start().first() {
        Some(b'{' | b'[') => Ok(bytes),
        _ => Err(Outcome::retry(format!(
            "{target} answered with {} where JSON was expected",
            kind_of(&bytes, content_type.as_deref())
        ))),
    }
}

fn unanswered(error: &Error) -> Outcome {
    match error {
        Error::Refused(refused) => Outcome::discard(refused.to_string()),
        other => Outcome::retry(other.to_string()),
    }
}

/// What an error's body says: the text of its `error`, as `PxWeb` writes it, or its first words.
fn message(body: &[u8]) -> String {
    let json: Option<Value> = serde_json::from_slice(body).ok();
    match json.as_ref().and_then(|json| json.get("error")?.as_str()) {
        Some(text) => excerpt(text.as_bytes()),
        None => excerpt(body),
    }
}
