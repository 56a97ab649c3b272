//! One field of a cron expression: its text, its faults, the numbers it allows.

use crate::job::Invalid;

/// What a field may hold.
#[derive(Debug)]
pub(super) struct Field {
    /// What it is called in faults.
    name: &'static str,
    min: u32,
    max: u32,
    /// Names for the numbers from `min` on; any beginning of three letters or more will do.
    names: &'static [&'static str],
}

pub(super) const SECOND: Field = Field {
    name: "second",
    min: 0,
    max: 59,
    names: &[],
};
pub(super) const MINUTE: Field = Field {
    name: "minute",
    ..SECOND
};
pub(super) const HOUR: Field = Field {
    name: "hour",
    max: 23,
    ..SECOND
};
pub(super) const DAY_OF_MONTH: Field = Field {
    name: "day of month",
    min: 1,
    max: 31,
    names: &[],
};
pub(super) const MONTH: Field = Field {
    name: "month",
    min: 1,
    max: 12,
    names: &[
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ],
};
/// Sunday is 0 and 7.
pub(super) const DAY_OF_WEEK: Field = Field {
    name: "day of week",
    min: 0,
    max: 7,
    names: &[
        "sunday",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
    ],
};

/// What the text of a field allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allowed {
    /// Bit n stands for the number n.
    bits: u64,
    /// Whether the text begins with `*`. crontab(5) takes such a field for unrestricted when it
    /// decides whether both days must match, even `*/2`.
    pub(super) starred: bool,
}

impl Allowed {
    pub(super) fn contains(self, number: u32) -> bool {
        self.bits & (1 << number) != 0
    }

    /// The numbers, each through `map`, as a list that any cron dialect reads.
    pub(super) fn list(self, map: impl Fn(u32) -> u32) -> String {
        let numbers = (0..64).filter(|n| self.contains(*n));
        let texts: Vec<String> = numbers.map(|n| map(n).to_string()).collect();
        texts.join(",")
    }
}

impl Field {
    /// # Errors
    /// `Invalid` that names the field, the text and what would be right.
    pub(super) fn parse(&self, text: &str) -> Result<Allowed, Invalid> {
        let mut bits = 0;
        for item in text.split(',') {
            bits |= self.item(item)?;
        }
        // Sunday has two numbers; one is kept.
        if self.max == 7 && bits & (1 << 7) != 0 {
            bits = (bits | 1) & !(1 << 7);
        }
        let starred = text.starts_with('*');
        Ok(Allowed { bits, starred })
    }

    /// `*`, `7`, `mon`, `1-5`, each perhaps with `/2`.
    fn item(&self, item: &str) -> Result<u64, Invalid> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(self.step(item, step)?)),
            None => (item, None),
        };
        let (first, last) = if range == "*" {
            (self.min, self.top())
        } else if let Some((first, last)) = range.split_once('-') {
            self.range(range, first, last)?
        } else {
            let only = self.number(range)?;
            // A number with a step stands for all from there on.
            let last = step.map_or(only, |_| self.top().max(only));
            (only, last)
        };
        let step = step.unwrap_or(1);
        Ok((first..=last)
            .step_by(step)
            .fold(0, |bits, number| bits | (1 << number)))
    }

    fn range(&self, range: &str, first: &str, last: &str) -> Result<(u32, u32), Invalid> {
        let from = self.number(first)?;
        let mut to = self.number(last)?;
        // `sat-sun` ends with the Sunday after Saturday.
        if self.max == 7 && to == 0 && from > 0 {
            to = 7;
        }
        if from > to {
            let (top, min) = (self.top(), self.min);
            let why = format!("{range:?} runs backwards; write {from}-{top},{min}-{to}");
            return Err(self.fault(&why));
        }
        Ok((from, to))
    }

    fn step(&self, item: &str, step: &str) -> Result<usize, Invalid> {
        match digits(step) {
            Some(step) if (1..=self.max).contains(&step) => Ok(step as usize),
            _ => {
                let max = self.max;
                let why = format!("the step of {item:?} is not between 1 and {max}");
                Err(self.fault(&why))
            }
        }
    }

    fn number(&self, text: &str) -> Result<u32, Invalid> {
        let (min, max) = (self.min, self.max);
        if let Some(number) = digits(text) {
            if (min..=max).contains(&number) {
                return Ok(number);
            }
            return Err(self.fault(&format!("{text} is not between {min} and {max}")));
        }
        let lower = text.to_ascii_lowercase();
        let named = (min..)
            .zip(self.names)
            .find(|(_, name)| lower.len() >= 3 && name.starts_with(&lower));
        if let Some((number, _)) = named {
            return Ok(number);
        }
        let names = match self.names {
            [first, .., last] => format!(", nor one of {first:.3} to {last:.3}"),
            _ => String::new(),
        };
        Err(self.fault(&match text {
            "" => "a number is missing".to_owned(),
            "?" => "\"?\" belongs to another dialect; write \"*\"".to_owned(),
            _ => format!("{text:?} is not a number between {min} and {max}{names}"),
        }))
    }

    /// The highest number that is not another name for the lowest.
    fn top(&self) -> u32 {
        self.max.min(if self.max == 7 { 6 } else { 59 })
    }

    fn fault(&self, why: &str) -> Invalid {
        Invalid::new("cron", format!("{}: {why}", self.name))
    }
}

/// A number of decimal digits, without a sign. One too large for `u32` is out of every range.
fn digits(text: &str) -> Option<u32> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(field: &Field, text: &str) -> String {
        field.parse(text).expect(text).list(|n| n)
    }

    #[test]
    fn a_field_is_read_as_crontab_reads_it() {
        for (field, text, numbers) in [
            (&MINUTE, "*/15", "0,15,30,45"),
            (&MINUTE, "5", "5"),
            (&MINUTE, "50/5", "50,55"),
            (&MINUTE, "1-9/4,2,05", "1,2,5,9"),
            (&HOUR, "22-23,0-2", "0,1,2,22,23"),
            (&MONTH, "jan-MAR,December", "1,2,3,12"),
            (&DAY_OF_WEEK, "7", "0"),
            (&DAY_OF_WEEK, "0-7", "0,1,2,3,4,5,6"),
            (&DAY_OF_WEEK, "fri-sun", "0,5,6"),
            (&DAY_OF_WEEK, "5-7", "0,5,6"),
            (&DAY_OF_WEEK, "6-0", "0,6"),
            (&DAY_OF_WEEK, "sun-tue", "0,1,2"),
            (&DAY_OF_WEEK, "*/7", "0"),
            (&DAY_OF_WEEK, "tues,thurs", "2,4"),
        ] {
            assert_eq!(list(field, text), numbers, "{} {text}", field.name);
        }
        assert!(MINUTE.parse("*/2").unwrap().starred);
        assert!(!MINUTE.parse("0-59").unwrap().starred);
    }

    #[test]
    fn a_fault_names_the_field_the_text_and_what_would_be_right() {
        for (field, text, why) in [
            (&HOUR, "25", "hour: 25 is not between 0 and 23"),
            (&HOUR, "-1", "hour: a number is missing"),
            (
                &HOUR,
                "22-2",
                "hour: \"22-2\" runs backwards; write 22-23,0-2",
            ),
            (&DAY_OF_WEEK, "5-2", "write 5-6,0-2"),
            (
                &MINUTE,
                "*/60",
                "minute: the step of \"*/60\" is not between 1 and 59",
            ),
            (&MINUTE, "*/0", "the step of"),
            (&MINUTE, "1/2/3", "the step of"),
            (&MINUTE, "1,,2", "a number is missing"),
            (&MINUTE, "", "a number is missing"),
            (&MINUTE, "**", "\"**\" is not a number between 0 and 59"),
            (&MINUTE, "99999999999", "99999999999 is not between"),
            (
                &MONTH,
                "ju",
                "is not a number between 1 and 12, nor one of jan to dec",
            ),
            (
                &DAY_OF_MONTH,
                "L",
                "day of month: \"L\" is not a number between 1 and 31",
            ),
            (&DAY_OF_MONTH, "?", "write \"*\""),
            (&DAY_OF_WEEK, "8", "day of week: 8 is not between 0 and 7"),
            (&DAY_OF_WEEK, "mondays", "nor one of sun to sat"),
            (&DAY_OF_WEEK, "søn", "nor one of sun to sat"),
        ] {
            let refused = field.parse(text).expect_err(text);
            assert_eq!(refused.field, "cron");
            assert!(refused.why.contains(why), "{text}: {refused}");
        }
    }
}
