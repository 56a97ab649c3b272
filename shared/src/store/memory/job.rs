//! One job as the memory store keeps it: its body, where it stands, and what happened to it.

use bytes::Bytes;

use crate::{
    clock::Timestamp,
    job::{
        AttemptError, ClaimedJob, JobDetail, JobId, JobSummary, NewJob, State,
        attempt::{Failure, MAX_KEPT},
    },
    lease::{LeaseToken, WorkerId},
};

/// The number a job got when it was accepted: the order of lists, the key of everything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seq(pub(super) u64);

/// The place of a queue in the list of queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct QueueAt(pub(super) usize);

/// The claim under which a job is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Grant {
    pub(super) worker: WorkerId,
    pub(super) claim: u64,
}

/// A job's place among the available jobs of its queue and priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// When it became available.
    pub(super) since: Timestamp,
    /// Lower ones are handed out first. It is the job's own [`Seq`] until the job is put off.
    pub(super) number: u64,
}

/// Where a job stands: its state, and what is true only in that state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// `scheduled`, or `retryable` when its last attempt failed.
    Waiting { failed: bool, due_at: Timestamp },
    /// `available`.
    Available(Place),
    /// `running`; the place is the one it had, for when it is handed back.
    Running {
        grant: Grant,
        claimed_at: Timestamp,
        place: Place,
    },
    /// One of the terminal states.
    Ended {
        state: State,
        at: Timestamp,
        claimed_at: Option<Timestamp>,
    },
}

impl Standing {
    pub(super) const fn state(&self) -> State {
        match self {
            Self::Waiting { failed: false, .. } => State::Scheduled,
            Self::Waiting { failed: true, .. } => State::Retryable,
            Self::Available(_) => State::Available,
            Self::Running { .. } => State::Running,
            Self::Ended { state, .. } => *state,
        }
    }
}

/// One job.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) seq: Seq,
    pub(super) body: NewJob,
    pub(super) queue: QueueAt,
    pub(super) accepted_at: Timestamp,
    pub(super) standing: Standing,
    /// Attempts that count, the running one among them.
    pub(super) attempt: u32,
    pub(super) crashes: u32,
    /// The claim whose settle was kept last, so that its repetition is recognised.
    pub(super) settled: Option<Grant>,
    past: Option<Box<Past>>,
}

/// What happened to a job, beside its states. Kept apart, because most jobs have none of it and
/// the smaller a job is, the faster it is found.
#[derive(Debug)]
pub(super) struct Past {
    pub(super) errors: Vec<AttemptError>,
    pub(super) progress: Option<Bytes>,
    pub(super) result: Option<Bytes>,
    pub(super) cancel: Option<(Timestamp, String)>,
    pub(super) replay_of: Option<JobId>,
    pub(super) replayed_as: Option<JobId>,
}

static NOTHING: Past = Past::nothing();

impl Past {
    const fn nothing() -> Self {
        Self {
            errors: Vec::new(),
            progress: None,
            result: None,
            cancel: None,
            replay_of: None,
            replayed_as: None,
        }
    }
}

impl Job {
    /// A job that is accepted now.
    pub(super) fn new(
        seq: Seq,
        body: NewJob,
        queue: QueueAt,
        standing: Standing,
        accepted_at: Timestamp,
    ) -> Self {
        Self {
            seq,
            body,
            queue,
            accepted_at,
            standing,
            attempt: 0,
            crashes: 0,
            settled: None,
            past: None,
        }
    }

    pub(super) fn past(&self) -> &Past {
        self.past.as_deref().unwrap_or(&NOTHING)
    }

    pub(super) fn past_mut(&mut self) -> &mut Past {
        self.past.get_or_insert_with(|| Box::new(Past::nothing()))
    }

    /// Whether somebody wants it stopped, or wanted it while it waited.
    pub(super) fn is_unwanted(&self) -> bool {
        self.past().cancel.is_some()
    }

    pub(super) const fn state(&self) -> State {
        self.standing.state()
    }

    /// The claim that holds it, while it runs.
    pub(super) const fn grant(&self) -> Option<Grant> {
        match self.standing {
            Standing::Running { grant, .. } => Some(grant),
            _ => None,
        }
    }

    /// Whether it is available, but not at the place that it got when it was accepted.
    pub(super) fn was_put_off(&self) -> bool {
        matches!(self.standing, Standing::Available(place) if place.number != self.seq.0)
    }

    /// Keeps what went wrong with the attempt that `worker` runs; of many errors the newest.
    pub(super) fn keep_error(&mut self, failure: Failure, worker: WorkerId, at: Timestamp) {
        let error = AttemptError {
            attempt: self.attempt,
            at,
            worker: worker.0,
            failure,
        };
        let errors = &mut self.past_mut().errors;
        if errors.len() >= MAX_KEPT {
            errors.remove(0);
        }
        errors.push(error);
    }

    /// The job as its worker sees it; `None` when it does not run.
    pub(super) fn claimed(&self) -> Option<ClaimedJob> {
        let Standing::Running {
            grant,
            claimed_at,
            place,
        } = self.standing
        else {
            return None;
        };
        Some(ClaimedJob {
            id: self.body.id,
            kind: self.body.kind.clone(),
            queue: self.body.queue.clone(),
            args: self.body.args.clone(),
            attempt: self.attempt,
            max_attempts: self.body.max_attempts,
            crashes: self.crashes,
            timeout: self.body.timeout,
            backoff: self.body.backoff,
            trace: self.body.trace.clone(),
            progress: self.past().progress.clone(),
            accepted_at: self.accepted_at,
            available_at: place.since,
            claimed_at,
            token: LeaseToken {
                worker: grant.worker,
                claim: grant.claim,
                slot: self.seq.0,
            },
        })
    }

    pub(super) fn summary(&self) -> JobSummary {
        let (due_at, claimed_at, ended_at) = match self.standing {
            Standing::Waiting { due_at, .. } => (Some(due_at), None, None),
            Standing::Available(place) => (Some(place.since), None, None),
            Standing::Running {
                claimed_at, place, ..
            } => (Some(place.since), Some(claimed_at), None),
            Standing::Ended { at, claimed_at, .. } => (None, claimed_at, Some(at)),
        };
        JobSummary {
            id: self.body.id,
            kind: self.body.kind.clone(),
            queue: self.body.queue.clone(),
            priority: self.body.priority,
            state: self.state(),
            attempt: self.attempt,
            max_attempts: self.body.max_attempts,
            crashes: self.crashes,
            tags: self.body.tags.clone(),
            accepted_at: self.accepted_at,
            due_at,
            claimed_at,
            ended_at,
            last_error: self.past().errors.last().cloned(),
            replay_of: self.past().replay_of,
            replayed_as: self.past().replayed_as,
        }
    }

    pub(super) fn detail(&self) -> JobDetail {
        JobDetail {
            summary: self.summary(),
            args: self.body.args.clone(),
            timeout: self.body.timeout,
            backoff: self.body.backoff,
            unique: self.body.unique.clone(),
            trace: self.body.trace.clone(),
            errors: self.past().errors.clone(),
            progress: self.past().progress.clone(),
            result: self.past().result.clone(),
            worker: self.grant().map(|grant| grant.worker.0),
            cancel_requested: self.past().cancel.clone(),
        }
    }
}
