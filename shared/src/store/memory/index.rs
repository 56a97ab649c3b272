//! Which job stands where: the indexes by which claim, promote, rescue and prune find their jobs
//! without searching, and the counts. [`Index::move_to`] is the only way a job changes its state,
//! so that no index can be forgotten.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    job::{Grant, Job, Place, QueueAt, Seq, Standing},
    unique::Keys,
};
use crate::{
    clock::Timestamp,
    job::{Priority, QueueName, State},
    lease::WorkerId,
    store::Hint,
};

/// A queue: what is available in it, in the order in which it is handed out, and how much of
/// everything it holds.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) name: QueueName,
    pub(super) paused_at: Option<Timestamp>,
    /// In the order of [`State::ALL`].
    pub(super) counts: [u64; State::ALL.len()],
    /// Per priority, by [`Place::number`].
    pub(super) lanes: [BTreeMap<u64, Seq>; Priority::COUNT as usize],
}

/// Where everything stands.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Every queue that is known; a queue's place never changes.
    pub(super) queues: Vec<Queue>,
    pub(super) queue_names: BTreeMap<QueueName, QueueAt>,
    /// Scheduled and retryable jobs by when they are due.
    pub(super) waiting: BTreeSet<(Timestamp, Seq)>,
    /// Running jobs by who holds them.
    pub(super) held: BTreeSet<(Grant, Seq)>,
    /// Running jobs that somebody wants stopped, by who holds them.
    pub(super) unwanted: BTreeSet<(WorkerId, Seq)>,
    /// Ended jobs by when they ended, per state, in the order of [`State::ALL`].
    pub(super) ended: [BTreeSet<(Timestamp, Seq)>; State::ALL.len()],
    /// Unique keys that are held.
    pub(super) keys: Keys,
    /// Counts jobs as they are accepted and put off: both take their place behind the others.
    sequence: u64,
    news: News,
}

/// What happened since the listeners were last told.
#[derive(Debug, Default)]
struct News {
    available: BTreeSet<usize>,
    waiting: bool,
    cancel: bool,
    ended: bool,
}

/// A state's place in [`State::ALL`]: the states are declared in that order.
const fn place_of(state: State) -> usize {
    state as usize
}

impl Index {
    /// The next number in the order of arrival.
    pub(super) fn next(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// A place behind all jobs that are available now.
    pub(super) fn last_place(&mut self, now: Timestamp) -> Place {
        Place {
            since: now,
            number: self.next(),
        }
    }

    /// The queue called `name`, which is known from now on.
    pub(super) fn queue(&mut self, name: &QueueName) -> QueueAt {
        if let Some(known) = self.queue_names.get(name) {
            return *known;
        }
        let at = QueueAt(self.queues.len());
        self.queues.push(Queue {
            name: name.clone(),
            paused_at: None,
            counts: [0; State::ALL.len()],
            lanes: std::array::from_fn(|_| BTreeMap::new()),
        });
        self.queue_names.insert(name.clone(), at);
        at
    }

    /// Moves a job from where it stands to where it is to stand, and lets go of a unique key that
    /// it holds no longer there.
    pub(super) fn move_to(&mut self, job: &mut Job, to: Standing) {
        debug_assert!(
            job.state().may_become(to.state()),
            "{} may not become {}",
            job.state(),
            to.state()
        );
        self.leave(job);
        job.standing = to;
        if job.body.unique.is_some() {
            self.keys.moved(job);
        }
        self.enter(job);
    }

    /// Enters a job that is new, or has moved.
    pub(super) fn enter(&mut self, job: &Job) {
        let queue = &mut self.queues[job.queue.0];
        queue.counts[place_of(job.state())] += 1;
        match job.standing {
            Standing::Waiting { due_at, .. } => {
                self.waiting.insert((due_at, job.seq));
                self.news.waiting = true;
            }
            Standing::Available(place) => {
                let lane = &mut queue.lanes[usize::from(job.body.priority.get())];
                lane.insert(place.number, job.seq);
                self.news.available.insert(job.queue.0);
            }
            Standing::Running { grant, .. } => {
                self.held.insert((grant, job.seq));
            }
            Standing::Ended { state, at, .. } => {
                self.ended[place_of(state)].insert((at, job.seq));
                self.news.ended = true;
            }
        }
    }

    /// Takes a job out, because it moves or is forgotten.
    pub(super) fn leave(&mut self, job: &Job) {
        let queue = &mut self.queues[job.queue.0];
        queue.counts[place_of(job.state())] -= 1;
        match job.standing {
            Standing::Waiting { due_at, .. } => {
                self.waiting.remove(&(due_at, job.seq));
            }
            Standing::Available(place) => {
                let lane = &mut queue.lanes[usize::from(job.body.priority.get())];
                lane.remove(&place.number);
            }
            Standing::Running { grant, .. } => {
                self.held.remove(&(grant, job.seq));
                if job.is_unwanted() {
                    self.unwanted.remove(&(grant.worker, job.seq));
                }
            }
            Standing::Ended { state, at, .. } => {
                self.ended[place_of(state)].remove(&(at, job.seq));
            }
        }
    }

    /// Jobs that ended as `state`, the longest ended first.
    pub(super) fn ended_as(&self, state: State) -> &BTreeSet<(Timestamp, Seq)> {
        &self.ended[place_of(state)]
    }

    /// The jobs that a worker holds, in the order in which they were handed out.
    pub(super) fn held_by(&self, worker: WorkerId) -> impl Iterator<Item = Seq> {
        let from = (Grant { worker, claim: 0 }, Seq(0));
        let claim = u64::MAX;
        let to = (Grant { worker, claim }, Seq(u64::MAX));
        self.held.range(from..=to).map(|(_, seq)| *seq)
    }

    /// The jobs that a worker holds and somebody wants stopped.
    pub(super) fn unwanted_of(&self, worker: WorkerId) -> impl Iterator<Item = Seq> {
        let range = (worker, Seq(0))..=(worker, Seq(u64::MAX));
        self.unwanted.range(range).map(|(_, seq)| *seq)
    }

    /// Notes that a running job's worker is to be told to stop it.
    pub(super) fn want_stopped(&mut self, job: &Job) {
        if let Some(grant) = job.grant() {
            self.unwanted.insert((grant.worker, job.seq));
            self.news.cancel = true;
        }
    }

    /// Notes that jobs of a queue may be claimed that could not be before.
    pub(super) fn opened(&mut self, queue: QueueAt) {
        self.news.available.insert(queue.0);
    }

    /// What the listeners are to be told, once.
    pub(super) fn take_hints(&mut self) -> Vec<Hint> {
        let news = std::mem::take(&mut self.news);
        let queues = news.available.iter();
        let mut hints: Vec<Hint> = queues
            .map(|at| Hint::Available(self.queues[*at].name.clone()))
            .collect();
        hints.extend(news.waiting.then_some(Hint::Scheduled));
        hints.extend(news.cancel.then_some(Hint::Cancel));
        hints.extend(news.ended.then_some(Hint::Ended));
        hints
    }
}
