//! How long a server asks to be left alone: `Retry-After`, RFC 9110 section 10.2.3.

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use shared::clock::Timestamp;
use std::time::{Duration, SystemTime};

/// No wait that a server asks for is shorter: a zero would burn a job's attempts in a moment.
const SHORTEST: Duration = Duration::from_secs(1);

/// The wait that an answer asks for; `None` when it asks for none, or for nothing that can be
/// read. A date is measured from the answer's own `Date`, so that a server whose clock is wrong
/// is understood nevertheless; without one, from `received`.
pub(crate) fn retry_after(headers: &HeaderMap, received: Timestamp) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let asked = text(RETRY_AFTER)?.trim();
    if !asked.is_empty() && asked.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than a number holds mean very long.
        return Some(Duration::from_secs(asked.parse().unwrap_or(u64::MAX)));
    }
    let until = httpdate::parse_http_date(asked).ok()?;
    let micros = u64::try_from(received.as_micros()).unwrap_or(0);
    let now = text(DATE)
        .and_then(|date| httpdate::parse_http_date(date).ok())
        .unwrap_or(SystemTime::UNIX_EPOCH + Duration::from_micros(micros));
    Some(until.duration_since(now).unwrap_or_default())
}

/// What is made of a wait that was asked for: at least a second, at most `cap`, and up to a tenth
/// more for `random` in `[0, 1)`, so that those who were sent away together do not come back
/// together.
pub(crate) fn tempered(asked: Duration, cap: Duration, random: f64) -> Duration {
    asked
        .clamp(SHORTEST, cap.max(SHORTEST))
        .mul_f64(1.0 + random / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn asked(retry_after: &str, date: Option<&str>) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_str(retry_after).unwrap());
        if let Some(date) = date {
            headers.insert(DATE, HeaderValue::from_str(date).unwrap());
        }
        super::retry_after(&headers, "2026-11-21T07:00:00Z".parse().unwrap())
    }

    #[test]
    fn seconds_are_read_and_garbage_is_not() {
        assert_eq!(asked("120", None), Some(Duration::from_mins(2)));
        assert_eq!(asked(" 0 ", None), Some(Duration::ZERO));
        assert_eq!(
            asked("99999999999999999999999", None),
            Some(Duration::from_secs(u64::MAX))
        );
        for garbage in ["", "soon", "-1", "1.5", "+3", "0x10", "12 s"] {
            assert_eq!(asked(garbage, None), None, "{garbage}");
        }
        let none = retry_after(&HeaderMap::new(), Timestamp::default());
        assert_eq!(none, None);
    }

    #[test]
    fn a_date_is_measured_from_the_servers_own_clock() {
        let until = "Sat, 21 Nov 2026 07:02:00 GMT";
        assert_eq!(asked(until, None), Some(Duration::from_mins(2)));
        let behind = Some("Sat, 21 Nov 2026 06:59:00 GMT");
        assert_eq!(asked(until, behind), Some(Duration::from_mins(3)));
        assert_eq!(asked(until, Some("nonsense")), Some(Duration::from_mins(2)));
        assert_eq!(
            asked("Sat, 21 Nov 2020 07:02:00 GMT", None),
            Some(Duration::ZERO)
        );
    }

    #[test]
    fn a_wait_is_kept_within_bounds() {
        let cap = Duration::from_mins(1);
        assert_eq!(tempered(Duration::ZERO, cap, 0.0), SHORTEST);
        assert_eq!(tempered(Duration::from_secs(u64::MAX), cap, 0.0), cap);
        let spread = tempered(Duration::from_secs(10), cap, 0.999);
        assert!(spread > Duration::from_secs(10) && spread < Duration::from_secs(11));
    }
}
