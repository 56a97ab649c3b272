//! What people change about single jobs: stop them, or let them run now.

use super::{Tables, job::Standing};
use crate::{
    clock::Timestamp,
    job::{JobId, State},
    store::{CancelParams, Cancelled, RunNow},
};

impl Tables {
    pub(super) fn cancel(&mut self, params: &CancelParams, now: Timestamp) -> Vec<Cancelled> {
        let ids = params.ids.iter();
        ids.map(|id| self.cancel_one(*id, &params.reason, now))
            .collect()
    }

    fn cancel_one(&mut self, id: JobId, reason: &str, now: Timestamp) -> Cancelled {
        let Some(job) = self.jobs.find_mut(id) else {
            return Cancelled::Unknown;
        };
        match job.standing {
            Standing::Ended { state, .. } => Cancelled::Ended(state),
            Standing::Running { .. } => {
                if !job.is_unwanted() {
                    job.past_mut().cancel = Some((now, reason.to_owned()));
                    self.index.want_stopped(job);
                }
                Cancelled::Requested
            }
            Standing::Waiting { .. } | Standing::Available(_) => {
                job.past_mut().cancel = Some((now, reason.to_owned()));
                let ended = Standing::Ended {
                    state: State::Cancelled,
                    at: now,
                    claimed_at: None,
                };
                self.index.move_to(job, ended);
                Cancelled::Done
            }
        }
    }

    pub(super) fn run_now(&mut self, ids: &[JobId], now: Timestamp) -> Vec<RunNow> {
        ids.iter().map(|id| self.run_one_now(*id, now)).collect()
    }

    fn run_one_now(&mut self, id: JobId, now: Timestamp) -> RunNow {
        let Some(job) = self.jobs.find_mut(id) else {
            return RunNow::Unknown;
        };
        match job.standing {
            Standing::Available(_) => RunNow::Done,
            Standing::Waiting { .. } => {
                let place = self.index.last_place(now);
                self.index.move_to(job, Standing::Available(place));
                RunNow::Done
            }
            Standing::Running { .. } | Standing::Ended { .. } => RunNow::NotWaiting(job.state()),
        }
    }
}
