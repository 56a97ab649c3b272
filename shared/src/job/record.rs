//! What a store tells about a job: to the worker that claimed it, to a list, to a reader.

use bytes::Bytes;
use std::time::Duration;

use super::{
    Args, AttemptError, JobId, Kind, Priority, QueueName, State, Tag, TraceContext, Unique,
};
use crate::{backoff::Backoff, clock::Timestamp, lease::LeaseToken};

/// A job in the hands of the worker that claimed it.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedJob {
    /// Its id.
    pub id: JobId,
    /// What it does.
    pub kind: Kind,
    /// Where it waited.
    pub queue: QueueName,
    /// What it carries.
    pub args: Args,
    /// The number of this attempt, from 1.
    pub attempt: u32,
    /// How often it may fail.
    pub max_attempts: u32,
    /// How many workers died or were cut off while they ran it.
    pub crashes: u32,
    /// How long this attempt may take, if the job says so.
    pub timeout: Option<Duration>,
    /// The waits between its attempts, if the job says so.
    pub backoff: Option<Backoff>,
    /// The trace it belongs to.
    pub trace: Option<TraceContext>,
    /// The progress an earlier attempt left behind.
    pub progress: Option<Bytes>,
    /// When the store accepted it.
    pub accepted_at: Timestamp,
    /// When it became available.
    pub available_at: Timestamp,
    /// When it was claimed.
    pub claimed_at: Timestamp,
    /// The fencing token: every word about this attempt must carry it.
    pub token: LeaseToken,
}

/// A job in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct JobSummary {
    /// Its id.
    pub id: JobId,
    /// What it does.
    pub kind: Kind,
    /// Where it waits or waited.
    pub queue: QueueName,
    /// How soon within the queue.
    pub priority: Priority,
    /// Where it stands.
    pub state: State,
    /// Attempts started and counted so far.
    pub attempt: u32,
    /// How often it may fail.
    pub max_attempts: u32,
    /// How many workers died or were cut off while they ran it.
    pub crashes: u32,
    /// Words to find it by.
    pub tags: Vec<Tag>,
    /// When the store accepted it.
    pub accepted_at: Timestamp,
    /// When it is due (scheduled, retryable) or became available (available, running; a
    /// hand-back does not change it); `None` once it ended.
    pub due_at: Option<Timestamp>,
    /// When the attempt was claimed that runs, or that it ended with. `None` while it waits, and
    /// when it ended waiting.
    pub claimed_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The newest error of its attempts.
    pub last_error: Option<AttemptError>,
    /// The dead letter this job is a new run of.
    pub replay_of: Option<JobId>,
    /// The new run of this dead letter.
    pub replayed_as: Option<JobId>,
}

/// Everything known about one job.
#[derive(Debug, Clone, PartialEq)]
pub struct JobDetail {
    /// What a list shows.
    pub summary: JobSummary,
    /// What it carries.
    pub args: Args,
    /// How long one attempt may take, if the job says so.
    pub timeout: Option<Duration>,
    /// The waits between its attempts, if the job says so.
    pub backoff: Option<Backoff>,
    /// When it is the same as another job.
    pub unique: Option<Unique>,
    /// The trace it belongs to.
    pub trace: Option<TraceContext>,
    /// Its failed attempts, oldest first; at most [`super::attempt::MAX_KEPT`].
    pub errors: Vec<AttemptError>,
    /// The last progress its handler reported.
    pub progress: Option<Bytes>,
    /// What its handler returned.
    pub result: Option<Bytes>,
    /// The worker that runs it.
    pub worker: Option<u64>,
    /// When somebody first asked to stop it while it waited or ran, and why.
    pub cancel_requested: Option<(Timestamp, String)>,
}
