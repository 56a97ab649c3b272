//! How attempts end: by a settle, or with the registration of their worker.

use std::time::Duration;

use super::{
    Tables,
    job::{Grant, Seq, Standing},
};
use crate::{
    clock::Timestamp,
    job::{State, attempt::Failure, outcome::Ending},
    store::{Settle, Settled},
};

/// Where a job goes when its attempt ends, unless somebody wants it stopped.
#[derive(Debug, Clone, Copy)]
pub(super) enum Next {
    /// Nowhere: it ended.
    End(State),
    /// It waits, or joins the available jobs when there is nothing to wait for.
    Off { failed: bool, wait: Duration },
    /// Back to its place.
    Back,
}

/// The end of an attempt, whoever asked for it.
#[derive(Debug)]
pub(super) struct End {
    pub(super) next: Next,
    /// Whether the attempt counts.
    pub(super) counted: bool,
    pub(super) failure: Option<Failure>,
}

impl Tables {
    pub(super) fn settle(&mut self, items: Vec<Settle>, now: Timestamp) -> Vec<Settled> {
        items
            .into_iter()
            .map(|item| self.settle_one(item, now))
            .collect()
    }

    fn settle_one(&mut self, item: Settle, now: Timestamp) -> Settled {
        let seq = Seq(item.token.slot);
        let grant = Grant {
            worker: item.token.worker,
            claim: item.token.claim,
        };
        let job = self.jobs.named(seq);
        let Some(job) = job.filter(|job| job.body.id == item.id) else {
            return Settled::Fenced;
        };
        if job.grant() != Some(grant) {
            return if job.settled == Some(grant) {
                Settled::Repeated
            } else {
                Settled::Fenced
            };
        }
        job.settled = Some(grant);
        if item.progress.is_some() {
            job.past_mut().progress = item.progress;
        }
        let (next, counted, failure) = match item.ending {
            Ending::Complete { result } => {
                if result.is_some() {
                    job.past_mut().result = result;
                }
                (Next::End(State::Completed), true, None)
            }
            Ending::Retry { wait, failure } => {
                let failed = true;
                (Next::Off { failed, wait }, true, Some(failure))
            }
            Ending::Snooze { wait, failure } => {
                let failed = false;
                (Next::Off { failed, wait }, false, failure)
            }
            Ending::Cancel { failure } => (Next::End(State::Cancelled), true, Some(failure)),
            Ending::Discard { failure } => (Next::End(State::Discarded), true, Some(failure)),
            Ending::Release => (Next::Back, false, None),
        };
        let end = End {
            next,
            counted,
            failure,
        };
        Settled::Kept(self.end_attempt(seq, end, now))
    }

    /// Ends the attempt of a running job; answers the state it is in now.
    pub(super) fn end_attempt(&mut self, seq: Seq, end: End, now: Timestamp) -> State {
        let job = self.jobs.get_mut(seq);
        let Standing::Running {
            grant,
            claimed_at,
            place,
        } = job.standing
        else {
            return job.state();
        };
        if let Some(failure) = end.failure {
            job.keep_error(failure, grant.worker, now);
        }
        if !end.counted {
            job.attempt -= 1;
        }
        let ended = |state| Standing::Ended {
            state,
            at: now,
            claimed_at: Some(claimed_at),
        };
        let to = match end.next {
            Next::End(state) => ended(state),
            Next::Off { .. } | Next::Back if job.is_unwanted() => ended(State::Cancelled),
            Next::Off { failed, wait } if now + wait > now => Standing::Waiting {
                failed,
                due_at: now + wait,
            },
            Next::Off { .. } => Standing::Available(self.index.last_place(now)),
            Next::Back => Standing::Available(place),
        };
        self.index.move_to(job, to);
        job.state()
    }
}
