//! Making jobs available whose time has come.

use super::{row::integer, writer::Turn};
use crate::{
    clock::Timestamp,
    job::State,
    store::{Promoted, Result},
};

const SCHEDULED_NEXT: &str = include_str!("sql/scheduled_next.sql");
const PROMOTE_COUNT: &str = include_str!("sql/promote_count.sql");
const PROMOTE_READY: &str = include_str!("sql/promote_ready.sql");
const PROMOTE_UNSCHEDULE: &str = include_str!("sql/promote_unschedule.sql");

/// Answers a promotion that has nothing to promote.
pub(super) fn look(turn: &mut Turn<'_>, limit: usize) -> Result<Option<Promoted>> {
    let next = next(turn)?;
    let idle = limit == 0 || next.is_none_or(|at| at > turn.now());
    Ok(idle.then(|| promoted(turn, 0, next)))
}

/// See [`crate::store::DutyStore::promote`].
pub(super) fn apply(turn: &mut Turn<'_>, limit: usize) -> Result<Promoted> {
    let due = (turn.now(), integer(limit));
    let counts: Vec<(i64, State, i64)> = turn.rows(PROMOTE_COUNT, due, |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    let last = turn.next_number()? - 1;
    let count = turn.execute(PROMOTE_READY, (due.0, due.1, last))?;
    turn.use_numbers(integer(count));
    turn.execute(PROMOTE_UNSCHEDULE, due)?;
    for (queue, from, count) in counts {
        turn.moved(queue, from, State::Available, count);
    }
    let next = next(turn)?;
    Ok(promoted(turn, count, next))
}

fn next(turn: &Turn<'_>) -> Result<Option<Timestamp>> {
    Ok(turn.row(SCHEDULED_NEXT, (), |row| row.get(0))?.flatten())
}

fn promoted(turn: &Turn<'_>, count: usize, next: Option<Timestamp>) -> Promoted {
    Promoted {
        count,
        next_in: next.map(|at| at.since(turn.now())),
    }
}
