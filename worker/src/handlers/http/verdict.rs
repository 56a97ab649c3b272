//! What a status means for the job. Pure.

use reqwest::StatusCode;
use std::time::Duration;

/// What becomes of the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Done.
    Done,
    /// Try again: after the server's wait, or after that of the backoff.
    Retry(Option<Duration>),
    /// Trying again would be answered the same, and why.
    Discard(&'static str),
}

/// Judges an answer. `success` are statuses that count as success beside 2xx; `asked` is the wait
/// that the answer asks for, heeded where RFC 9110 and RFC 6585 give it a meaning.
pub(super) fn judge(status: StatusCode, success: &[u16], asked: Option<Duration>) -> Verdict {
    if status.is_success() || success.contains(&status.as_u16()) {
        return Verdict::Done;
    }
    match status.as_u16() {
        429 | 503 => Verdict::Retry(asked),
        408 | 425 | 500..=599 => Verdict::Retry(None),
        300..=399 => Verdict::Discard("redirects are not followed: call the new URL"),
        400..=499 => Verdict::Discard("the same request would be refused again"),
        _ => Verdict::Discard("this status is no answer that HTTP knows"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_verdict() {
        let asked = Some(Duration::from_secs(7));
        for code in 100..=999 {
            let status = StatusCode::from_u16(code).unwrap();
            let expected = match code {
                200..=299 | 404 => Verdict::Done,
                429 | 503 => Verdict::Retry(asked),
                408 | 425 | 500..=599 => Verdict::Retry(None),
                _ => {
                    let refused = judge(status, &[404], asked);
                    assert!(
                        matches!(refused, Verdict::Discard(_)),
                        "{code}: {refused:?}"
                    );
                    continue;
                }
            };
            assert_eq!(judge(status, &[404], asked), expected, "{code}");
        }
    }
}
