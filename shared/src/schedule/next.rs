//! When a schedule fires next, across changes of the clocks. Pure.
//!
//! # Cron expressions
//!
//! A time of day that fits an expression means the first instant at which the clocks on the wall
//! show at least that time. So, where clocks change:
//!
//! * a time in the **gap** (spring: 02:30 does not exist) fires at the instant at which the gap
//!   ends, and several such times fire once;
//! * a time in the **fold** (autumn: 02:30 comes twice) fires the first time only.
//!
//! An expression whose hour field lets every hour through is meant as a rhythm, not as a time of
//! day: "every ten minutes" must not stop for an hour in autumn. It fires at every instant at
//! which the clocks show a time that fits: in the fold both times, and nothing is made up for the
//! gap. (OCPS 1.4 calls for the same distinction.)
//!
//! Expressions fire from 1970 to 2100, the years the field arithmetic knows.
//!
//! # Intervals
//!
//! An interval fires at its multiples counted from 1970-01-01T00:00:00Z, in elapsed time: the
//! phase needs no memory, survives restarts and is the same for every scheduler. Time zones have
//! no part in it.

use chrono::TimeDelta;
use serde::Serialize;
use std::time::Duration;

use super::{
    cron::Cron,
    timing::{Every, When},
    zone::{Zone, from_wall},
};
use crate::clock::Timestamp;

/// The smallest step in time.
const TICK: Duration = Duration::from_micros(1);

/// What the clocks did to a fire time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Dst {
    /// The wall-clock time does not exist on that day: it fires when the gap ends.
    Gap,
    /// The wall-clock time comes twice: this is the first.
    First,
    /// The wall-clock time comes twice: this is the second.
    Second,
}

/// One time at which a schedule will fire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fire {
    /// The instant.
    pub at: Timestamp,
    /// The same in the schedule's time zone, RFC 3339 with its offset, to the second.
    pub local: String,
    /// What the clocks did to it.
    pub dst: Option<Dst>,
}

impl When {
    /// The first instant after `after` at which it fires; `None` when there is none.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let after = after.max(Timestamp::default() - TICK);
        match self {
            Self::Every(every) => every.next(after),
            Self::Cron { cron, zone } if cron.every_hour() => rhythm(cron, *zone, after),
            Self::Cron { cron, zone } => time_of_day(cron, *zone, after),
        }
    }

    /// The last instant after `after`, up to `until`, at which it fires.
    pub fn latest(&self, after: Timestamp, until: Timestamp) -> Option<Timestamp> {
        let fires = |from| self.next(from).filter(|at| *at <= until);
        // Back in growing strides to where something fires at all.
        let mut back = Duration::from_secs(1);
        let mut none = until;
        let mut last = loop {
            let from = after.max(until - back);
            match fires(from) {
                Some(at) => break at,
                None if from == after => return None,
                None => (none, back) = (from, back * 2),
            }
        };
        // Then closer and closer: something fires at `last`, nothing after `none`.
        while let Some(at) = fires(last) {
            let middle = Timestamp::from_micros(i64::midpoint(at.as_micros(), none.as_micros()));
            if let Some(later) = fires(middle) {
                last = later;
            } else {
                (last, none) = (at, middle);
            }
        }
        Some(last)
    }

    /// The next `count` times after `after`, with what the clocks did to them.
    pub fn preview(&self, after: Timestamp, count: usize) -> Vec<Fire> {
        let mut from = after;
        let fires = std::iter::from_fn(|| {
            from = self.next(from)?;
            Some(self.describe(from))
        });
        fires.take(count).collect()
    }

    fn describe(&self, at: Timestamp) -> Fire {
        let (zone, dst) = match self {
            Self::Every(_) => (Zone::default(), None),
            Self::Cron { cron, zone } if !cron.fits(zone.wall(at)) => (*zone, Some(Dst::Gap)),
            Self::Cron { zone, .. } => (*zone, zone.fold(at)),
        };
        let local = zone.rfc3339(at);
        Fire { at, local, dst }
    }
}

impl Every {
    fn next(self, after: Timestamp) -> Option<Timestamp> {
        let step = i64::try_from(self.get().as_micros()).ok()?;
        let micros = after
            .as_micros()
            .div_euclid(step)
            .checked_add(1)?
            .checked_mul(step)?;
        (micros <= Timestamp::MAX.as_micros()).then(|| Timestamp::from_micros(micros))
    }
}

/// Walks the wall-clock times that fit, in order: their instants never fall.
fn time_of_day(cron: &Cron, zone: Zone, after: Timestamp) -> Option<Timestamp> {
    let mut wall = zone.wall(after);
    loop {
        wall = cron.next_wall(wall)?;
        let at = zone.instant(wall);
        // In the second half of a fold the clocks show times that fired already.
        if at > after {
            return Some(at);
        }
    }
}

/// Walks the stretches of time between changes of the clocks.
fn rhythm(cron: &Cron, zone: Zone, after: Timestamp) -> Option<Timestamp> {
    let mut since = after;
    let mut offset = zone.offset(after);
    let mut wall = zone.wall(after);
    loop {
        let at = from_wall(cron.next_wall(wall)?, offset);
        let Some(change) = zone.change(since, offset, at) else {
            return Some(at);
        };
        since = change;
        offset = zone.offset(change);
        // The instant of the change itself may fit.
        wall = zone.wall(change) - TimeDelta::microseconds(1);
    }
}

#[cfg(test)]
mod tests;
