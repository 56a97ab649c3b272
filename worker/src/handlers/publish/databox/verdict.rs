//! What an answer of Databox means. Pure.
//!
//! Its push API reports errors inside an answer of status 200: success is read from the body, and
//! the status counts only where the body says nothing. Its errors are told apart by their texts,
//! for it has no codes.

use reqwest::StatusCode;
use serde_json::Value;

use crate::handlers::outbound::excerpt::excerpt;

/// What an answer means for the points that were sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All were taken.
    Taken,
    /// So many of them were not, without a word which.
    Partly { failed: u64, told: String },
    /// One of them, or more, is at fault.
    Fault(String),
    /// Together they are too large.
    TooLarge(String),
    /// There were too many calls.
    TooMany(String),
    /// The token is not, or no longer, good for anything.
    Unauthorized(String),
    /// Databox is not well, or this is not Databox: another time.
    Failed(String),
}

/// Judges an answer.
pub(super) fn judge(status: StatusCode, body: &[u8]) -> Verdict {
    let json: Option<Value> = serde_json::from_slice(body).ok();
    let text = |key: &str| json.as_ref().and_then(|json| json.get(key)?.as_str());
    let (said, message) = (text("status").unwrap_or_default(), text("message"));
    let told = told(status, said, message, body);
    if let Some(failed) = partly(said) {
        return match failed {
            0 => Verdict::Taken,
            failed => Verdict::Partly { failed, told },
        };
    }
    let is = |word: &str| said.to_ascii_lowercase().replace('_', " ") == word;
    let message = message.unwrap_or_default();
    let contains = |words: &str| message.contains(words) || said.contains(words);
    if contains("Exceeded request count") || contains("Too many requests") {
        return Verdict::TooMany(told);
    }
    let code = status.as_u16();
    if is("unauthorized") || matches!(code, 401 | 403) {
        return Verdict::Unauthorized(told);
    }
    if is("request entity too large") || code == 413 {
        return Verdict::TooLarge(told);
    }
    if is("bad request") || matches!(code, 400 | 422) {
        // These two are about the whole call: whatever it holds, it would be refused.
        let whole = contains("Content-Type should be") || contains("should be wrapped");
        return if whole {
            Verdict::Failed(format!("{told} (is the setting wire right?)"))
        } else {
            Verdict::Fault(told)
        };
    }
    // Format A answers with the id of the push, not always with a status.
    let pushed = said.is_empty() && text("id").is_some_and(|id| !id.is_empty());
    match code {
        200..=299 if is("ok") || pushed => Verdict::Taken,
        429 => Verdict::TooMany(told),
        _ => Verdict::Failed(told),
    }
}

/// `Warning: some items not inserted (OK: 3, FAILED: 1)`: how many failed.
fn partly(status: &str) -> Option<u64> {
    let (_, rest) = status.split_once("FAILED:")?;
    let digits: String = rest
        .trim_start()
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().ok()
}

fn told(status: StatusCode, said: &str, message: Option<&str>, body: &[u8]) -> String {
    let words = match message {
        Some(message) => excerpt(message.as_bytes()),
        None if !said.is_empty() => excerpt(said.as_bytes()),
        None => excerpt(body),
    };
    match (status.is_success(), words.is_empty()) {
        (true, false) => format!("Databox says: {words}"),
        (false, false) => format!("Databox answered {status}: {words}"),
        (_, true) => format!("Databox answered {status} and nothing else"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a verdict is the right one.
    type Fits = fn(&Verdict) -> bool;

    fn on_ok(body: &str) -> Verdict {
        judge(StatusCode::OK, body.as_bytes())
    }

    #[test]
    fn success_is_what_the_body_says() {
        for body in [
            r#"{"status":"ok"}"#,
            r#"{"status":"OK","message":""}"#,
            r#"{"id":"2d1b8c"}"#,
            r#"{"status":"Warning: some items not inserted (OK: 3, FAILED: 0)"}"#,
        ] {
            assert_eq!(on_ok(body), Verdict::Taken, "{body}");
        }
        for body in [
            "",
            "ok",
            "{}",
            "[]",
            "null",
            r#"{"id":null}"#,
            "<html>",
            r#"{"status":"fine"}"#,
        ] {
            assert!(matches!(on_ok(body), Verdict::Failed(_)), "{body}");
        }
        let created = judge(StatusCode::BAD_GATEWAY, br#"{"status":"ok"}"#);
        assert!(matches!(created, Verdict::Failed(_)), "{created:?}");
    }

    #[test]
    fn every_documented_error_has_its_verdict() {
        let fails: [(&str, Fits); 12] = [
            (
                r#"{"status":"Unauthorized","message":"Unauthorized - Token not provided!"}"#,
                |v| matches!(v, Verdict::Unauthorized(_)),
            ),
            (
                r#"{"status":"Unauthorized","message":"Invalid token"}"#,
                |v| matches!(v, Verdict::Unauthorized(_)),
            ),
            (
                r#"{"status":"Unauthorized","message":"Storing custom data is not allowed on your current plan."}"#,
                |v| matches!(v, Verdict::Unauthorized(_)),
            ),
            (
                r#"{"status":"Bad Request","message":"Bad request - Content-Type should be application/json!"}"#,
                |v| matches!(v, Verdict::Failed(_)),
            ),
            (
                r#"{"status":"Bad Request","message":"Bad request - Exceeded request count limit!"}"#,
                |v| matches!(v, Verdict::TooMany(_)),
            ),
            (
                r#"{"status":"Bad Request","message":"Validation error - Metric data should be wrapped into 'data' item"}"#,
                |v| matches!(v, Verdict::Failed(_)),
            ),
            (
                r#"{"status":"Bad Request","message":"Validation error - Data must contain metric value"}"#,
                |v| matches!(v, Verdict::Fault(_)),
            ),
            (
                r#"{"status":"Bad Request","message":"Validation error - Invalid metric value"}"#,
                |v| matches!(v, Verdict::Fault(_)),
            ),
            (
                r#"{"status":"Internal Server Error","message":"An unhandled exception occurred while processing your request!"}"#,
                |v| matches!(v, Verdict::Failed(_)),
            ),
            (
                r#"{"status":"REQUEST_ENTITY_TOO_LARGE","message":"Your payload has exceeded the maximum size restriction (500kB).","id":null}"#,
                |v| matches!(v, Verdict::TooLarge(_)),
            ),
            (
                r#"{"status":"Warning: some items not inserted (OK: 97, FAILED: 3)"}"#,
                |v| matches!(v, Verdict::Partly { failed: 3, .. }),
            ),
            (
                r#"{"status":"Error: Too many requests. 10/sec is allowed"}"#,
                |v| matches!(v, Verdict::TooMany(_)),
            ),
        ];
        for (body, fits) in fails {
            let verdict = on_ok(body);
            assert!(fits(&verdict), "{body}: {verdict:?}");
        }
    }

    #[test]
    fn real_statuses_count_where_the_body_says_nothing() {
        for (code, fits) in [
            (401, (|v| matches!(v, Verdict::Unauthorized(_))) as Fits),
            (403, |v| matches!(v, Verdict::Unauthorized(_))),
            (400, |v| matches!(v, Verdict::Fault(_))),
            (413, |v| matches!(v, Verdict::TooLarge(_))),
            (429, |v| matches!(v, Verdict::TooMany(_))),
            (302, |v| matches!(v, Verdict::Failed(_))),
            (404, |v| matches!(v, Verdict::Failed(_))),
            (500, |v| matches!(v, Verdict::Failed(_))),
        ] {
            let verdict = judge(StatusCode::from_u16(code).unwrap(), b"nope");
            assert!(fits(&verdict), "{code}: {verdict:?}");
        }
    }
}
