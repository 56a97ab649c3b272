//! Completing jobs by the run. Nearly every attempt ends well and says nothing, and those of one
//! claim lie side by side: they are moved with three statements for a whole run of neighbours.

use rusqlite::CachedStatement;
use std::ops::Range;

use super::{flags, row::integer, writer::Turn};
use crate::{
    job::{State, outcome::Ending},
    store::{Result, Settle, Settled},
};

const COMPLETE_READ: &str = include_str!("sql/complete_read.sql");
const COMPLETE_FINISH: &str = include_str!("sql/complete_finish.sql");
const COMPLETE_UNLEASE: &str = include_str!("sql/complete_unlease.sql");

/// Completes what can be completed by the run, and gives those items their verdict. What has a
/// result, holds a unique key or has no such lease is left for others to judge.
pub(super) fn by_runs(
    turn: &mut Turn<'_>,
    items: &[Settle],
    verdicts: &mut [Option<Settled>],
) -> Result<()> {
    let order = in_order(items);
    let mut statements = Statements {
        read: turn.statement(COMPLETE_READ)?,
        finish: turn.statement(COMPLETE_FINISH)?,
        unlease: turn.statement(COMPLETE_UNLEASE)?,
    };
    for run in runs(items, &order) {
        let run = order.get(run).unwrap_or_default();
        if statements.complete(turn, items, run)? {
            for place in run {
                verdicts[*place] = Some(Settled::Kept(State::Completed));
            }
        }
    }
    Ok(())
}

/// The places of the items that say nothing but that they are done, by the slots of their tokens.
/// None at all when one job is named twice: then the order of the items counts.
fn in_order(items: &[Settle]) -> Vec<usize> {
    let slot = |place: &usize| items[*place].token.slot;
    let mut places: Vec<usize> = (0..items.len()).collect();
    places.sort_unstable_by_key(slot);
    if places.is_sorted_by(|one, next| slot(one) < slot(next)) {
        places.retain(|place| says_nothing(&items[*place]));
    } else {
        places.clear();
    }
    places
}

fn says_nothing(item: &Settle) -> bool {
    item.ending == Ending::Complete { result: None } && item.progress.is_none()
}

/// Ranges of `order` whose items are neighbours of one claim.
fn runs<'a>(items: &'a [Settle], order: &'a [usize]) -> impl Iterator<Item = Range<usize>> + 'a {
    let token = |at: usize| order.get(at).map(|place| items[*place].token);
    let mut start = 0;
    std::iter::from_fn(move || {
        let first = token(start)?;
        let mut end = start + 1;
        while let Some(next) = token(end)
            && (next.worker, next.claim) == (first.worker, first.claim)
            && next.slot == first.slot + (end - start) as u64
        {
            end += 1;
        }
        let run = start..end;
        start = end;
        Some(run)
    })
}

struct Statements<'a> {
    read: CachedStatement<'a>,
    finish: CachedStatement<'a>,
    unlease: CachedStatement<'a>,
}

impl Statements<'_> {
    /// Completes a run, all of it or nothing; answers which.
    fn complete(&mut self, turn: &mut Turn<'_>, items: &[Settle], run: &[usize]) -> Result<bool> {
        let (Some(first), Some(last)) = (run.first(), run.last()) else {
            return Ok(false);
        };
        let token = items[*first].token;
        let (from, to) = (integer(token.slot), integer(items[*last].token.slot));
        let claim = (from, to, token.worker, integer(token.claim), flags::KEY);
        let mut rows = self.read.query(claim)?;
        let mut queues: Vec<(i64, i64)> = Vec::with_capacity(1);
        for place in run {
            let Some(row) = rows.next()? else {
                return Ok(false);
            };
            if items[*place].id != row.get(1)? {
                return Ok(false);
            }
            let queue: i64 = row.get(0)?;
            match queues.last_mut() {
                Some((same, count)) if *same == queue => *count += 1,
                _ => queues.push((queue, 1)),
            }
        }
        drop(rows);
        self.finish.execute((from, to, turn.now()))?;
        self.unlease.execute((from, to))?;
        turn.finished(from, to - from + 1);
        for (queue, count) in queues {
            turn.moved(queue, State::Running, State::Completed, count);
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        job::JobId,
        lease::{LeaseToken, WorkerId},
    };

    fn done(claim: u64, slot: u64) -> Settle {
        Settle {
            id: JobId::generate(),
            token: LeaseToken {
                worker: WorkerId(1),
                claim,
                slot,
            },
            ending: Ending::Complete { result: None },
            progress: None,
        }
    }

    #[test]
    fn neighbours_of_one_claim_are_a_run() {
        let mut said = done(1, 9);
        said.progress = Some("1".into());
        let items = [
            done(1, 6),
            done(1, 5),
            done(2, 7),
            done(1, 11),
            said,
            done(1, 8),
        ];
        let order = in_order(&items);
        assert_eq!(order, [1, 0, 2, 5, 3]);
        let runs: Vec<Range<usize>> = runs(&items, &order).collect();
        assert_eq!(runs, [0..2, 2..3, 3..4, 4..5]);
    }

    #[test]
    fn when_one_job_is_named_twice_nothing_is_taken_out_of_order() {
        assert!(in_order(&[done(1, 5), done(1, 6), done(1, 5)]).is_empty());
    }
}
