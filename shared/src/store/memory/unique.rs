//! Unique keys: who holds which, and until when.

use std::collections::{BTreeMap, HashMap};

use super::job::{Job, QueueAt};
use crate::{
    clock::Timestamp,
    job::{JobId, Kind, NewJob, State, UniqueKey, UniquePolicy},
};

/// A key counts within its queue and kind.
type Whole = (QueueAt, Kind, UniqueKey);

#[derive(Debug)]
struct Hold {
    job: JobId,
    /// The end of a window; `None`: until the job lets go.
    until: Option<Timestamp>,
}

impl Hold {
    fn lasts(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// All keys that are held.
#[derive(Debug, Default)]
pub(super) struct Keys {
    held: HashMap<Whole, Hold>,
    /// Windows by their end, so that prune finds those that are over.
    windows: BTreeMap<(Timestamp, JobId), Whole>,
}

fn whole(job: &NewJob, queue: QueueAt) -> Option<Whole> {
    let unique = job.unique.as_ref()?;
    Some((queue, job.kind.clone(), unique.key.clone()))
}

impl Keys {
    /// The job that holds the key of a job that is about to be accepted, unless that is
    /// `heir_of`, whose hold passes on.
    pub(super) fn holder(
        &self,
        job: &NewJob,
        queue: QueueAt,
        heir_of: Option<JobId>,
        now: Timestamp,
    ) -> Option<JobId> {
        let hold = self.held.get(&whole(job, queue)?)?;
        (hold.lasts(now) && Some(hold.job) != heir_of).then_some(hold.job)
    }

    /// Takes the key of a job that is being accepted, if it has one.
    pub(super) fn take(&mut self, job: &NewJob, queue: QueueAt, now: Timestamp) {
        let Some(key) = whole(job, queue) else {
            return;
        };
        let until = match job.unique.as_ref().map(|unique| unique.policy) {
            Some(UniquePolicy::Window(window)) => Some(now + window),
            _ => None,
        };
        if let Some(until) = until {
            self.windows.insert((until, job.id), key.clone());
        }
        let job = job.id;
        self.held.insert(key, Hold { job, until });
    }

    /// Lets go of a job's key if where it stands now ends its hold. A job that lost its key
    /// before is not its holder any more, so nothing happens then.
    pub(super) fn moved(&mut self, job: &Job) {
        let lets_go = match job.body.unique.as_ref().map(|unique| unique.policy) {
            Some(UniquePolicy::UntilStarted) => {
                job.state() == State::Running || job.state().is_terminal()
            }
            Some(UniquePolicy::UntilFinished) => job.state().is_terminal(),
            Some(UniquePolicy::Window(_)) | None => false,
        };
        if lets_go
            && let Some(key) = whole(&job.body, job.queue)
            && self.held.get(&key).is_some_and(|h| h.job == job.body.id)
        {
            self.held.remove(&key);
        }
    }

    /// Forgets windows that are over, at most `limit`; answers whether more are.
    pub(super) fn prune(&mut self, limit: usize, now: Timestamp) -> bool {
        for _ in 0..limit {
            let Some(first) = self.windows.first_entry() else {
                return false;
            };
            let (until, job) = *first.key();
            if until > now {
                return false;
            }
            let key = first.remove();
            // Somebody may have taken the key anew since the window was over.
            let same = |hold: &Hold| hold.job == job && hold.until == Some(until);
            if self.held.get(&key).is_some_and(same) {
                self.held.remove(&key);
            }
        }
        let first = self.windows.first_key_value();
        first.is_some_and(|((until, _), _)| *until <= now)
    }
}
