//! What a turn has moved: kept in memory while it runs, written once before it commits.
//!
//! A queue's counters are thereby updated once per transaction and not once per job, and jobs
//! that completed together share rows in the list that pruning reads.

use std::collections::BTreeMap;

use crate::job::State;

/// What happened to one queue.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct QueueTally {
    /// By how many the jobs in each state became more.
    pub(super) counts: [i64; State::ALL.len()],
    /// Whether jobs became available.
    pub(super) arrived: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) queues: BTreeMap<i64, QueueTally>,
    /// Jobs that completed: runs of neighbours, as their first and their count.
    pub(super) finished: Vec<(i64, i64)>,
    /// Whether jobs were put off.
    pub(super) put_off: bool,
    /// Whether jobs ended.
    pub(super) ended: bool,
    /// Whether somebody asked to stop running jobs.
    pub(super) stop: bool,
}

impl Tally {
    /// `count` jobs of a queue are in `state` that were not.
    pub(super) fn arrive(&mut self, queue: i64, state: State, count: i64) {
        let tally = self.queues.entry(queue).or_default();
        tally.counts[state as usize] += count;
        tally.arrived |= state == State::Available;
        self.put_off |= matches!(state, State::Scheduled | State::Retryable);
        self.ended |= state.is_terminal();
    }

    /// `count` jobs of a queue that were in `state` are not.
    pub(super) fn leave(&mut self, queue: i64, state: State, count: i64) {
        self.queues.entry(queue).or_default().counts[state as usize] -= count;
    }
}

/// As few runs as hold the same neighbours.
pub(super) fn join(mut runs: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    runs.sort_unstable();
    runs.dedup_by(|next, run| {
        let touches = run.0 + run.1 == next.0;
        if touches {
            run.1 += next.1;
        }
        touches
    });
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_touch_become_one() {
        let runs = vec![(7, 1), (5, 2), (1, 1), (9, 1), (10, 4)];
        assert_eq!(join(runs), [(1, 1), (5, 3), (9, 5)]);
        assert_eq!(join(Vec::new()), []);
    }

    #[test]
    fn a_move_is_counted_on_both_sides_and_tells_what_hints_are_due() {
        let mut tally = Tally::default();
        tally.leave(3, State::Running, 2);
        tally.arrive(3, State::Completed, 2);
        let moved = &tally.queues[&3];
        assert_eq!(moved.counts[State::Running as usize], -2);
        assert_eq!(moved.counts[State::Completed as usize], 2);
        assert!(tally.ended && !moved.arrived && !tally.put_off);
        tally.arrive(3, State::Available, 1);
        assert!(tally.queues[&3].arrived);
    }
}
