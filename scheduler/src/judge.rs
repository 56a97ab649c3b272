//! What becomes of ticks: misfire first, overlap then. Pure.
//!
//! Judging looks at the cursor, the held ticks and the last job, all from the store, so another
//! leader that looks at the same comes to the same. What a judgement leaves for the next turn is
//! judged the same way then.

use shared::{
    clock::Timestamp,
    config::human::format_duration,
    job::{JobId, State},
    schedule::{Misfire, Overlap, Timing, When},
};
use std::time::Duration;

/// Most missed ticks that [`Misfire::All`] fires.
pub(crate) const MAX_MISSED: usize = 1000;

/// Most ticks that are held.
pub(crate) const MAX_HELD: usize = 100;

/// Most new ticks judged in one turn.
pub(crate) const MAX_PER_TURN: usize = 100;

/// The smallest step in time.
const TICK: Duration = Duration::from_micros(1);

/// A schedule whose ticks are to be judged.
#[derive(Debug, Clone)]
pub(crate) struct Case<'a> {
    pub(crate) timing: &'a Timing,
    /// Ticks up to here were judged.
    pub(crate) cursor: Timestamp,
    /// The held ticks, oldest first.
    pub(crate) held: &'a [Timestamp],
    /// The newest tick that fired, if its job has not ended.
    pub(crate) busy: Option<Busy>,
    pub(crate) now: Timestamp,
    /// A tick that came due longer ago than this was missed.
    pub(crate) grace: Duration,
}

/// A job that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Busy {
    pub(crate) tick: Timestamp,
    pub(crate) job: JobId,
    pub(crate) state: State,
}

/// What becomes of a tick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act {
    /// Its job is enqueued, after this one has been cancelled.
    Fire { instead_of: Option<JobId> },
    /// It is held.
    Hold,
    /// It is left out, and why.
    Skip(String),
}

/// A judgement: ticks in the order in which they are to be recorded, and whether more are due.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Judgement {
    pub(crate) acts: Vec<(Timestamp, Act)>,
    pub(crate) more: bool,
}

/// Judges what is due.
pub(crate) fn judge(case: &Case<'_>) -> Judgement {
    let due = due(case);
    let mut acts = overlap(case, &due.ticks);
    // Held ticks are older than the cursor, and what was missed for good is newer.
    let place = acts.partition_point(|(at, _)| *at <= case.cursor);
    if let Some((at, reason)) = due.missed {
        acts.insert(place, (at, Act::Skip(reason)));
    }
    let more = due.more;
    Judgement { acts, more }
}

/// New ticks, past the misfire policy.
#[derive(Debug, Default)]
struct Due {
    /// The newest tick that was missed for good; it stands for all before it.
    missed: Option<(Timestamp, String)>,
    /// The others, oldest first.
    ticks: Vec<Timestamp>,
    /// There are more than these.
    more: bool,
}

fn due(case: &Case<'_>) -> Due {
    let when = &case.timing.when;
    // Before this instant ticks were missed.
    let edge = case.now - case.grace - TICK;
    let mut due = match when.latest(case.cursor, edge) {
        Some(newest) => missed(case, newest),
        None => Due::default(),
    };
    let mut from = case.cursor.max(edge);
    while due.ticks.len() <= MAX_PER_TURN {
        match when.next(from).filter(|at| *at <= case.now) {
            Some(at) => due.ticks.push(at),
            None => break,
        }
        from = *due.ticks.last().unwrap_or(&from);
    }
    due.more = due.ticks.len() > MAX_PER_TURN;
    due.ticks.truncate(MAX_PER_TURN);
    due
}

/// The ticks after the cursor up to `newest` were missed.
fn missed(case: &Case<'_>, newest: Timestamp) -> Due {
    let when = &case.timing.when;
    let (ticks, fate) = match case.timing.misfire {
        Misfire::Skip => (Vec::new(), "the misfire policy is skip".to_owned()),
        Misfire::Once => (vec![newest], "the latest of them fires".to_owned()),
        Misfire::All => {
            let window = case.timing.misfire_window;
            let from = case.cursor.max(case.now - window - TICK);
            let fate = format!(
                "the newest {MAX_MISSED} at most fire, within {}",
                format_duration(window)
            );
            (newest_of(when, from, newest), fate)
        }
    };
    let left_out = match ticks.first() {
        Some(oldest) => when.latest(case.cursor, *oldest - TICK),
        None => Some(newest),
    };
    let missed = left_out.map(|at| {
        let before = count_before(when, case.cursor, at);
        (at, format!("missed while no scheduler ran{before}; {fate}"))
    });
    Due {
        missed,
        ticks,
        more: false,
    }
}

/// The newest [`MAX_MISSED`] ticks after `from` up to the tick `newest`, oldest first.
fn newest_of(when: &When, from: Timestamp, newest: Timestamp) -> Vec<Timestamp> {
    let mut ticks = Vec::new();
    let mut next = (newest > from).then_some(newest);
    while let Some(at) = next.filter(|_| ticks.len() < MAX_MISSED) {
        ticks.push(at);
        next = when.latest(from, at - TICK);
    }
    ticks.reverse();
    ticks
}

/// How many ticks after `from` came before `at`, in words.
fn count_before(when: &When, from: Timestamp, at: Timestamp) -> String {
    let mut tick = from;
    let next = || {
        tick = when.next(tick).filter(|next| *next < at)?;
        Some(tick)
    };
    match std::iter::from_fn(next).take(MAX_MISSED).count() {
        0 => String::new(),
        MAX_MISSED => format!(", as were {MAX_MISSED} or more before it"),
        count => format!(", as were {count} before it"),
    }
}

fn overlap(case: &Case<'_>, ticks: &[Timestamp]) -> Vec<(Timestamp, Act)> {
    let fire = Act::Fire { instead_of: None };
    let all = case.held.iter().chain(ticks).copied();
    match case.timing.overlap {
        Overlap::Allow => all.map(|at| (at, fire.clone())).collect(),
        Overlap::Queue => queue(case, ticks),
        Overlap::Skip => {
            let mut acts = Vec::new();
            let mut all = all.peekable();
            let mut reason = case.busy.map(|busy| {
                let Busy { tick, job, state } = busy;
                format!("the job of the tick at {tick} has not ended: {job} is {state}")
            });
            if reason.is_none()
                && let Some(first) = all.next()
            {
                acts.push((first, fire));
                reason = Some(format!("came due together with the tick at {first}"));
            }
            let reason = reason.unwrap_or_default();
            acts.extend(leave_out(case, all, &reason));
            acts
        }
        Overlap::Cancel => {
            let all: Vec<Timestamp> = all.collect();
            let Some((last, others)) = all.split_last() else {
                return Vec::new();
            };
            let reason = format!("came due together with the tick at {last}");
            let mut acts = leave_out(case, others.iter().copied(), &reason);
            let instead_of = case.busy.map(|busy| busy.job);
            acts.push((*last, Act::Fire { instead_of }));
            acts
        }
    }
}

/// One fires, if nothing runs; the others wait in order.
fn queue(case: &Case<'_>, ticks: &[Timestamp]) -> Vec<(Timestamp, Act)> {
    let mut acts = Vec::new();
    let mut free = case.busy.is_none();
    let mut waiting = case.held.len();
    if let Some(oldest) = case.held.first().filter(|_| free) {
        acts.push((*oldest, Act::Fire { instead_of: None }));
        free = false;
        waiting -= 1;
    }
    let mut left = ticks;
    if let Some((first, rest)) = ticks.split_first().filter(|_| free) {
        acts.push((*first, Act::Fire { instead_of: None }));
        left = rest;
    }
    let room = MAX_HELD.saturating_sub(waiting).min(left.len());
    let (held, over) = left.split_at(room);
    acts.extend(held.iter().map(|at| (*at, Act::Hold)));
    let reason = format!("{MAX_HELD} ticks are held already");
    acts.extend(leave_out(case, over.iter().copied(), &reason));
    acts
}

/// Leaves ticks out: each that was held, since its record must change, and of the new ones the
/// last, whose record stands for those before it.
fn leave_out(
    case: &Case<'_>,
    ticks: impl Iterator<Item = Timestamp>,
    reason: &str,
) -> Vec<(Timestamp, Act)> {
    let (held, new): (Vec<_>, Vec<_>) = ticks.partition(|at| case.held.contains(at));
    let skip = |reason: String| move |at| (at, Act::Skip(reason.clone()));
    let mut acts: Vec<_> = held.into_iter().map(skip(reason.to_owned())).collect();
    if let Some((last, before)) = new.split_last() {
        let reason = match before.len() {
            0 => reason.to_owned(),
            count => format!("{reason}; so did {count} before it"),
        };
        acts.push((*last, Act::Skip(reason)));
    }
    acts
}

#[cfg(test)]
mod tests;
