//! Cron expressions as crontab(5) reads them: the text, its faults, and wall-clock arithmetic.
//!
//! The arithmetic over fields is that of the `cron` crate, whose own dialect differs (days of the
//! week from 1, both days must match, no fault says where). Each field is therefore read here,
//! checked, and handed over as a plain list of numbers. What a wall-clock time means in a time
//! zone is decided in [`super::next`].

use chrono::{DateTime, NaiveDateTime};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, sync::Arc};

use super::field::{self, Allowed};
use crate::job::Invalid;

/// Longest expression in bytes; every second and every minute written out fit.
pub const MAX_TEXT: usize = 512;

/// Shorthands and what they stand for.
const SHORTHANDS: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// A cron expression: minute, hour, day of month, month and day of week, perhaps with seconds
/// before them, or a shorthand such as `@daily`.
///
/// When neither of the two days begins with `*`, a time fits if either does; else both must.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cron {
    text: Arc<str>,
    /// One schedule, or two of which either may fit: by day of month, and by day of week.
    either: Arc<[::cron::Schedule]>,
    every_hour: bool,
}

impl Cron {
    /// Reads an expression.
    ///
    /// # Errors
    /// `Invalid` that names the field, the text and what would be right; also for an expression
    /// that never fits, such as the thirtieth of February.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        if text.len() > MAX_TEXT {
            let why = format!("is {} bytes long, more than {MAX_TEXT}", text.len());
            return Err(Invalid::new("cron", why));
        }
        let text = text.trim();
        let words: Vec<&str> = expand(text)?.split_ascii_whitespace().collect();
        let fields = Fields::read(&words)?;
        let cron = Self {
            text: Arc::from(text),
            either: fields.schedules()?,
            every_hour: (0..24).all(|hour| fields.hour.contains(hour)),
        };
        // Whatever fits at all fits within the years the crate knows, which begin here.
        match cron.next_wall(DateTime::UNIX_EPOCH.naive_utc()) {
            Some(_) => Ok(cron),
            None => Err(Invalid::new("cron", format!("{text:?} never fires"))),
        }
    }

    /// The expression as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the hour field lets every hour through.
    pub(super) fn every_hour(&self) -> bool {
        self.every_hour
    }

    /// The first whole second after `wall` that fits; `None` after the year 2100.
    pub(super) fn next_wall(&self, wall: NaiveDateTime) -> Option<NaiveDateTime> {
        let wall = wall.and_utc();
        let nexts = self.either.iter().map(|s| s.after(&wall).next());
        nexts.flatten().min().map(|time| time.naive_utc())
    }

    /// Whether `wall` fits, to the second.
    pub(super) fn fits(&self, wall: NaiveDateTime) -> bool {
        self.either.iter().any(|s| s.includes(wall.and_utc()))
    }
}

/// The expression a shorthand stands for, or the text itself.
fn expand(text: &str) -> Result<&str, Invalid> {
    if !text.starts_with('@') {
        return Ok(text);
    }
    let known = SHORTHANDS.iter().find(|(name, _)| *name == text);
    known.map(|(_, expression)| *expression).ok_or_else(|| {
        let names = SHORTHANDS.map(|(name, _)| name).join(", ");
        Invalid::new("cron", format!("{text:?} is none of {names}"))
    })
}

/// An expression, field by field.
struct Fields {
    second: Allowed,
    minute: Allowed,
    hour: Allowed,
    day_of_month: Allowed,
    month: Allowed,
    day_of_week: Allowed,
}

impl Fields {
    fn read(words: &[&str]) -> Result<Self, Invalid> {
        let (second, rest) = match words {
            [_, _, _, _, _] => ("0", words),
            [second, rest @ ..] if rest.len() == 5 => (*second, rest),
            _ => {
                let why = format!(
                    "has {} fields; five are right (minute, hour, day of month, month, day of \
                     week), or six with seconds before them",
                    words.len()
                );
                return Err(Invalid::new("cron", why));
            }
        };
        Ok(Self {
            second: field::SECOND.parse(second)?,
            minute: field::MINUTE.parse(rest[0])?,
            hour: field::HOUR.parse(rest[1])?,
            day_of_month: field::DAY_OF_MONTH.parse(rest[2])?,
            month: field::MONTH.parse(rest[3])?,
            day_of_week: field::DAY_OF_WEEK.parse(rest[4])?,
        })
    }

    fn schedules(&self) -> Result<Arc<[::cron::Schedule]>, Invalid> {
        let month_day = self.day_of_month.list(|day| day);
        // The crate counts the days of the week from 1, Sunday.
        let week_day = self.day_of_week.list(|day| day + 1);
        if self.day_of_month.starred || self.day_of_week.starred {
            Ok(Arc::new([self.schedule(&month_day, &week_day)?]))
        } else {
            let by_month_day = self.schedule(&month_day, "*")?;
            Ok(Arc::new([by_month_day, self.schedule("*", &week_day)?]))
        }
    }

    fn schedule(&self, month_day: &str, week_day: &str) -> Result<::cron::Schedule, Invalid> {
        let [second, minute, hour, month] =
            [self.second, self.minute, self.hour, self.month].map(|field| field.list(|n| n));
        let text = format!("{second} {minute} {hour} {month_day} {month} {week_day}");
        text.parse()
            .map_err(|error: ::cron::error::Error| Invalid::new("cron", error.to_string()))
    }
}

impl FromStr for Cron {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::new(text)
    }
}

impl TryFrom<String> for Cron {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::new(&text)
    }
}

impl From<Cron> for String {
    fn from(cron: Cron) -> Self {
        cron.as_str().to_owned()
    }
}

impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Cron {}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.text, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first times after the start of 2026 that fit.
    fn times(text: &str, count: usize) -> Vec<String> {
        let cron = Cron::new(text).expect(text);
        let mut wall: NaiveDateTime = "2026-01-01T00:00:00".parse().unwrap();
        let mut next = || {
            wall = cron.next_wall(wall)?;
            assert!(cron.fits(wall), "{text} {wall}");
            Some(wall.to_string())
        };
        std::iter::from_fn(&mut next).take(count).collect()
    }

    #[test]
    fn expressions_fit_the_times_crontab_says() {
        for (text, expected) in [
            ("30 2 * * *", ["2026-01-01 02:30:00", "2026-01-02 02:30:00"]),
            (
                "15 30 2 * * *",
                ["2026-01-01 02:30:15", "2026-01-02 02:30:15"],
            ),
            (
                "\t0 12  * *\n1-5 ",
                ["2026-01-01 12:00:00", "2026-01-02 12:00:00"],
            ),
            ("0 0 * * 7", ["2026-01-04 00:00:00", "2026-01-11 00:00:00"]),
            (
                "0 0 * * sat",
                ["2026-01-03 00:00:00", "2026-01-10 00:00:00"],
            ),
            ("0 0 29 2 *", ["2028-02-29 00:00:00", "2032-02-29 00:00:00"]),
            ("0 0 31 * *", ["2026-01-31 00:00:00", "2026-03-31 00:00:00"]),
            (
                "59 59 23 31 12 *",
                ["2026-12-31 23:59:59", "2027-12-31 23:59:59"],
            ),
            ("@weekly", ["2026-01-04 00:00:00", "2026-01-11 00:00:00"]),
            ("@annually", ["2027-01-01 00:00:00", "2028-01-01 00:00:00"]),
            ("@hourly", ["2026-01-01 01:00:00", "2026-01-01 02:00:00"]),
        ] {
            assert_eq!(times(text, 2), expected, "{text}");
        }
    }

    #[test]
    fn two_restricted_days_fit_if_either_does_and_a_star_makes_both_count() {
        let either = times("0 0 13 * fri", 3);
        assert_eq!(
            either,
            [
                "2026-01-02 00:00:00",
                "2026-01-09 00:00:00",
                "2026-01-13 00:00:00"
            ]
        );
        // The first Sunday of the month, as crontabs have written it for decades.
        let both = times("0 0 1-7 * */7", 2);
        assert_eq!(both, ["2026-01-04 00:00:00", "2026-02-01 00:00:00"]);
    }

    #[test]
    fn what_is_no_expression_is_refused_with_the_reason() {
        for (text, why) in [
            ("", "has 0 fields"),
            ("* * * *", "has 4 fields; five are right"),
            ("* * * * * * 2030", "has 7 fields"),
            ("@reboot", "is none of @yearly"),
            ("@daily x", "is none of"),
            ("0 25 * * *", "hour: 25 is not between 0 and 23"),
            ("60 0 0 * * *", "second: 60 is not between 0 and 59"),
            ("0 0 30 2 *", "\"0 0 30 2 *\" never fires"),
            ("0 0 31 4,6,9,11 *", "never fires"),
            ("0 0 31 2 */2", "never fires"),
            (&" ".repeat(MAX_TEXT + 1), "more than 512"),
        ] {
            let refused = Cron::new(text).expect_err(text);
            assert!(refused.why.contains(why), "{text}: {refused}");
        }
        assert!(Cron::new("0 0 30 2 1").is_ok(), "Mondays of February");
    }

    #[test]
    fn the_longest_expression_fits_its_bound() {
        let all: Vec<String> = (0..60).map(|n| n.to_string()).collect();
        let all = all.join(",");
        let text = format!("{all} {all} * * * *");
        assert!(text.len() < MAX_TEXT);
        assert!(Cron::new(&text).is_ok());
    }

    #[test]
    fn an_expression_is_kept_as_it_was_written() {
        let cron: Cron = serde_json::from_str("\" @daily \"").unwrap();
        assert_eq!(serde_json::to_string(&cron).unwrap(), "\"@daily\"");
        let refused = serde_json::from_str::<Cron>("\"0 24 * * *\"").unwrap_err();
        assert!(refused.to_string().contains("hour: 24"), "{refused}");
    }
}
