//! How jobs come in: by an enqueue, a tick, or the replay of a dead letter.

use std::collections::HashMap;

use super::{
    Tables,
    job::{Job, Place, Seq, Standing},
};
use crate::{
    clock::Timestamp,
    job::{Invalid, JobId, NewJob, State, new::Due},
    store::{Enqueued, Error, Replay, Replayed, Result},
};

impl Tables {
    pub(super) fn enqueue(&mut self, jobs: Vec<NewJob>, now: Timestamp) -> Result<Vec<Enqueued>> {
        for job in &jobs {
            job.check(now)?;
        }
        Ok(jobs
            .into_iter()
            .map(|job| self.accept(job, None, now))
            .collect())
    }

    /// Accepts one job that was checked, perhaps as the new run of a dead letter.
    pub(super) fn accept(
        &mut self,
        body: NewJob,
        replay_of: Option<JobId>,
        now: Timestamp,
    ) -> Enqueued {
        if self.jobs.find(body.id).is_some() {
            return Enqueued::Repeated;
        }
        // A job that is refused does not make its queue known, so the queue is only looked up
        // here: of a queue that nobody knows, nobody holds a key.
        if body.unique.is_some()
            && let Some(queue) = self.index.queue_names.get(&body.queue)
            && let Some(holder) = self.index.keys.holder(&body, *queue, replay_of, now)
        {
            return Enqueued::Duplicate { holder };
        }
        let queue = self.index.queue(&body.queue);
        self.index.keys.take(&body, queue, now);
        let due_at = match body.due {
            Due::Now => now,
            Due::In(delay) => now + delay,
            Due::At(at) => at,
        };
        let number = self.index.next();
        let standing = if due_at > now {
            let failed = false;
            Standing::Waiting { failed, due_at }
        } else {
            Standing::Available(Place { since: now, number })
        };
        let mut job = Job::new(Seq(number), body, queue, standing, now);
        if replay_of.is_some() {
            job.past_mut().replay_of = replay_of;
        }
        self.index.enter(&job);
        let state = job.state();
        self.jobs.add(job);
        Enqueued::New(state)
    }

    pub(super) fn replay(&mut self, replays: Vec<Replay>, now: Timestamp) -> Result<Vec<Replayed>> {
        self.check_new_ids(&replays)?;
        Ok(replays
            .into_iter()
            .map(|replay| self.replay_one(replay, now))
            .collect())
    }

    /// Checks that no new id is another job's already, nor wanted for two dead letters.
    fn check_new_ids(&self, replays: &[Replay]) -> Result<()> {
        let mut wanted = HashMap::new();
        for replay in replays {
            let taken = self
                .jobs
                .find(replay.new)
                .is_some_and(|job| job.past().replay_of != Some(replay.dead));
            let before = wanted.insert(replay.new, replay.dead);
            if taken || before.is_some_and(|dead| dead != replay.dead) {
                let why = format!("{} is the id of another job", replay.new);
                return Err(Error::Invalid(Invalid::new("new", why)));
            }
        }
        Ok(())
    }

    fn replay_one(&mut self, replay: Replay, now: Timestamp) -> Replayed {
        let Some(dead) = self.jobs.find(replay.dead) else {
            return Replayed::Unknown;
        };
        match dead.past().replayed_as {
            Some(new) if new == replay.new => return Replayed::Repeated,
            Some(other) => return Replayed::Already(other),
            None if dead.state() != State::Discarded => return Replayed::NotDead(dead.state()),
            None => {}
        }
        let mut body = dead.body.clone();
        body.id = replay.new;
        body.due = Due::Now;
        if let Some(args) = replay.args {
            body.args = args;
        }
        body.trace = replay.trace.or(body.trace);
        match self.accept(body, Some(replay.dead), now) {
            Enqueued::Duplicate { holder } => Replayed::Duplicate { holder },
            Enqueued::New(_) | Enqueued::Repeated => {
                if let Some(dead) = self.jobs.find_mut(replay.dead) {
                    dead.past_mut().replayed_as = Some(replay.new);
                }
                Replayed::New
            }
        }
    }
}
