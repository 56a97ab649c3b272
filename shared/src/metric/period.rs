//! Periods as statistical offices write them: `2024`, `2024M05`, `2020Q3`; and when they begin.

use crate::clock::Timestamp;
use chrono::{Datelike, NaiveDate, NaiveTime, Weekday};

/// The forms that are read, for messages.
pub const FORMS: &str =
    "2024, 2024M05, 2024-05, 2024Q2, 2024H1, 2024W07, 2024-05-17 or a time with its zone";

/// When a period begins, in UTC; `None` when the text is no period.
///
/// Years (`2024`, `2024A00`), half years (`2024H1`, `2024S1`), quarters (`2020Q3`), months
/// (`2024M05`, `2024-05`), ISO weeks (`2024W07`), days (`2024-05-17`, `20240517`, `2024M05D17`),
/// with or without a hyphen before the letter, and instants (RFC 3339).
pub fn start(text: &str) -> Option<Timestamp> {
    // The longest form is an instant with fractions of a second and a zone.
    if !text.is_ascii() || text.len() > 40 {
        return None;
    }
    if text.contains('T') {
        return text.parse().ok();
    }
    let (year, rest) = text.split_at_checked(4)?;
    let year: i32 = digits(year)?.try_into().ok()?;
    let day = day(year, rest)?;
    (1..=9999)
        .contains(&day.year())
        .then(|| Timestamp::from_chrono(&day.and_time(NaiveTime::MIN).and_utc()))
}

/// An instant as briefly as it can be written: a day when it is midnight.
pub fn written(instant: Timestamp) -> String {
    let text = instant.to_string();
    match text.strip_suffix("T00:00:00Z") {
        Some(day) => day.to_owned(),
        None => text,
    }
}

/// The first day of the period of `year` that `rest` names.
fn day(year: i32, rest: &str) -> Option<NaiveDate> {
    let hyphen = rest.starts_with('-');
    let rest = rest.strip_prefix('-').unwrap_or(rest);
    let (letter, number) = match rest.chars().next() {
        None if hyphen => return None,
        None => return NaiveDate::from_ymd_opt(year, 1, 1),
        Some(c) if c.is_ascii_digit() => return plain(year, rest, hyphen),
        Some(c) => (c.to_ascii_uppercase(), rest.get(1..)?),
    };
    let in_parts = |parts: u32| {
        let part = digits(number).filter(|part| number.len() <= 2 && (1..=parts).contains(part))?;
        NaiveDate::from_ymd_opt(year, (part - 1) * (12 / parts) + 1, 1)
    };
    match letter {
        'A' if matches!(number, "" | "00") => NaiveDate::from_ymd_opt(year, 1, 1),
        'H' | 'S' => in_parts(2),
        'Q' => in_parts(4),
        'M' => match number.split_once(['D', 'd']) {
            None => in_parts(12),
            Some((month, day)) => ymd(year, month, day),
        },
        'W' if number.len() <= 2 => NaiveDate::from_isoywd_opt(year, digits(number)?, Weekday::Mon),
        _ => None,
    }
}

/// What is written in digits after the year: `-05`, `-05-17`, `0517`.
fn plain(year: i32, rest: &str, hyphen: bool) -> Option<NaiveDate> {
    match (hyphen, rest.split_once('-')) {
        (true, None) => ymd(year, rest, "01"),
        (true, Some((month, day))) => ymd(year, month, day),
        (false, None) => {
            let (month, day) = rest.split_at_checked(2)?;
            ymd(year, month, day)
        }
        (false, Some(_)) => None,
    }
}

fn ymd(year: i32, month: &str, day: &str) -> Option<NaiveDate> {
    let two = |text: &str| digits(text).filter(|_| text.len() == 2);
    NaiveDate::from_ymd_opt(year, two(month)?, two(day)?)
}

fn digits(text: &str) -> Option<u32> {
    let all = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if all { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_period_begins_with_its_first_day() {
        for (text, begins) in [
            ("2024", "2024-01-01"),
            ("2024A00", "2024-01-01"),
            ("2024M05", "2024-05-01"),
            ("2024m5", "2024-05-01"),
            ("2024-M12", "2024-12-01"),
            ("2024-05", "2024-05-01"),
            ("2020Q3", "2020-07-01"),
            ("2020-Q4", "2020-10-01"),
            ("2024H1", "2024-01-01"),
            ("2024H2", "2024-07-01"),
            ("2024S2", "2024-07-01"),
            ("2024W07", "2024-02-12"),
            ("2025-W01", "2024-12-30"),
            ("2020W53", "2020-12-28"),
            ("2024-02-29", "2024-02-29"),
            ("20240517", "2024-05-17"),
            ("2024M05D17", "2024-05-17"),
            ("0001", "0001-01-01"),
        ] {
            let begins: Timestamp = format!("{begins}T00:00:00Z").parse().unwrap();
            assert_eq!(start(text), Some(begins), "{text}");
        }
        let instant = start("2024-05-17T02:00:00+02:00");
        assert_eq!(instant, Some("2024-05-17T00:00:00Z".parse().unwrap()));
    }

    #[test]
    fn what_is_no_period_is_none() {
        for text in [
            "",
            "24",
            "total",
            "2024Q5",
            "2024Q0",
            "2024M13",
            "2024M",
            "2024-",
            "2024-5",
            "202405",
            "2024W54",
            "2023W53",
            "2023-02-29",
            "2024X1",
            "2024H3",
            "1990-1995",
            "２０２４",
            "0000",
            "2024M05D",
            "2024-05-17T25:00:00Z",
            "0001W01",
            "-2024",
            "+2024",
            "2024 ",
        ] {
            // The first week of year 1 begins in it: January 1 of that year was a Monday.
            if text == "0001W01" {
                assert!(start(text).is_some());
            } else {
                assert_eq!(start(text), None, "{text:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "([0-9]{0,5}[-AHMQSWDT]?[0-9]{0,3}[-MD]?[0-9]{0,3})|\\PC{0,12}") {
            start(&text);
        }
    }
}
