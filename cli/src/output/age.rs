//! Times and numbers as people say them: `3m ago`, `in 2h`, `1 job`.

use shared::clock::Timestamp;
use std::time::Duration;

const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)];

/// When `then` is, seen from `now`.
pub(crate) fn relative(then: Timestamp, now: Timestamp) -> String {
    let past = now.since(then);
    let future = then.since(now);
    if past.as_secs() == 0 && future.as_secs() == 0 {
        "now".to_owned()
    } else if past > future {
        format!("{} ago", length(past))
    } else {
        format!("in {}", length(future))
    }
}

/// As [`relative`], or nothing.
pub(crate) fn relative_or_blank(then: Option<Timestamp>, now: Timestamp) -> String {
    then.map_or_else(String::new, |then| relative(then, now))
}

/// How many of something, as one says it; the plural is regular.
pub(crate) fn counted(count: u64, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}

/// A length of time in its largest unit; small numbers of minutes and more say the next one too.
pub(crate) fn length(length: Duration) -> String {
    let seconds = length.as_secs();
    let Some(index) = UNITS.iter().position(|(_, unit)| seconds >= *unit) else {
        return format!("{}ms", length.as_millis());
    };
    let (name, unit) = UNITS[index];
    let count = seconds / unit;
    let told = format!("{count}{name}");
    match UNITS.get(index + 1) {
        Some((next, smaller)) if count < 10 => match (seconds % unit) / smaller {
            0 => told,
            rest => format!("{told}{rest}{next}"),
        },
        _ => told,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_told_in_their_largest_units() {
        let told = |seconds| length(Duration::from_secs(seconds));
        assert_eq!(told(1), "1s");
        assert_eq!(told(59), "59s");
        assert_eq!(told(60), "1m");
        assert_eq!(told(90), "1m30s");
        assert_eq!(told(10 * 60 + 59), "10m");
        assert_eq!(told(3 * 3600 + 5 * 60), "3h5m");
        assert_eq!(told(86_400 * 12 + 3600), "12d");
        assert_eq!(length(Duration::from_millis(250)), "250ms");
    }

    #[test]
    fn one_is_not_many() {
        assert_eq!(counted(1, "job"), "1 job");
        assert_eq!(counted(0, "job"), "0 jobs");
    }

    #[test]
    fn before_and_after_are_told_apart() {
        let now: Timestamp = "2026-11-21T07:00:00Z".parse().unwrap();
        let by = Duration::from_mins(3);
        assert_eq!(relative(now - by, now), "3m ago");
        assert_eq!(relative(now + by, now), "in 3m");
        assert_eq!(relative(now + Duration::from_millis(900), now), "now");
        assert_eq!(relative_or_blank(None, now), "");
    }
}
