//! What producers and operators ask about jobs, and what they are answered.

use crate::clock::Timestamp;
use crate::job::Args;
use crate::job::JobId;
use crate::job::JobSummary;
use crate::job::Kind;
use crate::job::QueueName;
use crate::job::State;
use crate::job::Tag;
use crate::job::TraceContext;
use crate::page;
use crate::page::Cursor;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// What became of one job of an enqueue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enqueued {
    /// Accepted, in this state.
    New(State),
    /// A job with this id is known already: an earlier call accepted it.
    Repeated,
    /// Not accepted: this other job holds the unique key.
    Duplicate {
        /// The holder.
        holder: JobId,
    },
}

/// Which jobs a list shows. An empty set lets everything through.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// In one of these states.
    pub states: BTreeSet<State>,
    /// Of one of these kinds.
    pub kinds: BTreeSet<Kind>,
    /// In one of these queues.
    pub queues: BTreeSet<QueueName>,
    /// With this tag.
    pub tag: Option<Tag>,
    /// Accepted at or after.
    pub accepted_from: Option<Timestamp>,
    /// Accepted before.
    pub accepted_before: Option<Timestamp>,
    /// Leaves out dead letters that were replayed.
    pub open_dead_letters: bool,
}

impl Filter {
    /// Whether a job fits, but for its tag, which stores look up.
    pub fn fits(&self, job: &JobSummary) -> bool {
        let any = |empty: bool, holds: bool| empty || holds;
        any(self.states.is_empty(), self.states.contains(&job.state))
            && any(self.kinds.is_empty(), self.kinds.contains(&job.kind))
            && any(self.queues.is_empty(), self.queues.contains(&job.queue))
            && self
                .accepted_from
                .is_none_or(|from| job.accepted_at >= from)
            && self
                .accepted_before
                .is_none_or(|before| job.accepted_at < before)
            && !(self.open_dead_letters && job.replayed_as.is_some())
    }

    /// A fingerprint that binds cursors to this filter.
    pub fn fingerprint(&self) -> u64 {
        let mut text = String::new();
        write!(text, "{self:?}").unwrap_or_default();
        page::fingerprint(&text)
    }
}

/// See [`crate::store::JobStore::list`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListParams {
    /// Which jobs.
    pub filter: Filter,
    /// Where the page starts.
    pub cursor: Option<Cursor>,
    /// How many at most; 1 to [`crate::page::MAX_LIMIT`].
    pub limit: usize,
}

/// See [`crate::store::JobStore::cancel`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelParams {
    /// Which jobs.
    pub ids: Vec<JobId>,
    /// Why; kept with the job.
    pub reason: String,
}

/// What became of one job of a cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// It waited, and is cancelled.
    Done,
    /// It runs, and its worker will be told.
    Requested,
    /// It had ended, in this state.
    Ended(State),
    /// No such job.
    Unknown,
}

/// What became of one job that should run now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunNow {
    /// It is available, since now or before.
    Done,
    /// It does not wait for its time, but is in this state.
    NotWaiting(State),
    /// No such job.
    Unknown,
}

/// One dead letter to replay.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    /// The dead letter.
    pub dead: JobId,
    /// The id of its new run.
    pub new: JobId,
    /// Other args than it died with.
    pub args: Option<Args>,
    /// The trace that its new run belongs to; `None`: that of the dead letter.
    pub trace: Option<TraceContext>,
}

/// What became of one replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replayed {
    /// The new run is available.
    New,
    /// An earlier call replayed it with this very id.
    Repeated,
    /// It was replayed before, as this job.
    Already(JobId),
    /// Not replayed: this other job holds the unique key.
    Duplicate {
        /// The holder.
        holder: JobId,
    },
    /// It is no dead letter, but in this state.
    NotDead(State),
    /// No such job.
    Unknown,
}
