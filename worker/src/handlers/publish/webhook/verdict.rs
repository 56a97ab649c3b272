//! What a subscriber's answer means. Pure: Standard Webhooks 1.0.0, and two habits of its most
//! used implementation.

use reqwest::StatusCode;
use std::time::Duration;

/// How long a subscriber that sends us away is left alone when it does not say.
const PAUSE: Duration = Duration::from_secs(30);

/// What an answer means for the event that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was taken.
    Taken,
    /// It was not; another event may fare better.
    Failed,
    /// The subscriber wants no events for so long.
    Throttled(Duration),
    /// The subscriber is down, and says for how long, perhaps.
    Down(Option<Duration>),
    /// The subscriber will never take this event.
    Refused,
    /// The subscriber wants no events any more.
    Gone,
}

/// Judges an answer. `delivery` is its `webhook-delivery` header, `asked` the wait that it asks
/// for.
pub(super) fn judge(
    status: StatusCode,
    delivery: Option<&str>,
    asked: Option<Duration>,
) -> Verdict {
    match status.as_u16() {
        200..=299 => Verdict::Taken,
        410 => Verdict::Gone,
        _ if delivery.is_some_and(|word| word.trim() == "abort-message") => Verdict::Refused,
        429 => Verdict::Throttled(asked.unwrap_or(PAUSE)),
        502..=504 => Verdict::Down(asked),
        _ => Verdict::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_has_its_verdict() {
        let minute = Some(Duration::from_mins(1));
        for (code, delivery, asked, verdict) in [
            (200, None, None, Verdict::Taken),
            (204, Some("abort-message"), minute, Verdict::Taken),
            (301, None, None, Verdict::Failed),
            (308, None, minute, Verdict::Failed),
            (400, None, None, Verdict::Failed),
            (400, Some(" abort-message"), None, Verdict::Refused),
            (400, Some("other"), None, Verdict::Failed),
            (404, None, minute, Verdict::Failed),
            (410, Some("abort-message"), None, Verdict::Gone),
            (
                429,
                None,
                minute,
                Verdict::Throttled(Duration::from_mins(1)),
            ),
            (429, None, None, Verdict::Throttled(PAUSE)),
            (500, None, minute, Verdict::Failed),
            (502, None, None, Verdict::Down(None)),
            (503, Some("abort-message"), None, Verdict::Refused),
            (504, None, minute, Verdict::Down(minute)),
        ] {
            let status = StatusCode::from_u16(code).unwrap();
            assert_eq!(judge(status, delivery, asked), verdict, "{code}");
        }
    }
}
