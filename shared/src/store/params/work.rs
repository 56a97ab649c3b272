//! What a worker asks, and what it is answered.

use crate::job::JobId;
use crate::job::QueueName;
use crate::job::State;
use crate::job::outcome::Ending;
use crate::lease::LeaseToken;
use crate::lease::WorkerId;
use bytes::Bytes;
use std::time::Duration;

/// How many jobs a worker wants from a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// The queue.
    pub queue: QueueName,
    /// At most so many from it.
    pub max: usize,
}

/// See [`crate::store::WorkStore::claim`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimParams {
    /// Who claims.
    pub worker: WorkerId,
    /// The number of the claim, from 1, counted up by the worker.
    pub claim: u64,
    /// From which queues, in this order.
    pub wants: Vec<Want>,
    /// At most so many in all.
    pub max: usize,
}

/// The end of one attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Settle {
    /// The job.
    pub id: JobId,
    /// The token of its claim.
    pub token: LeaseToken,
    /// What becomes of it.
    pub ending: Ending,
    /// The last progress its handler reported in this attempt: no heartbeat may have carried it.
    pub progress: Option<Bytes>,
}

/// What became of one settle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// Kept; the job is in this state now.
    Kept(State),
    /// An earlier call kept it.
    Repeated,
    /// The token is not held any more: nothing changed.
    Fenced,
}

/// The progress of one running job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The job.
    pub id: JobId,
    /// The token of its claim.
    pub token: LeaseToken,
    /// What its handler reported, as JSON.
    pub value: Bytes,
}

/// See [`crate::store::WorkStore::heartbeat`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeartbeatParams {
    /// Who is alive.
    pub worker: WorkerId,
    /// The lease, from the store's now.
    pub lease: Duration,
    /// Progress since the last heartbeat.
    pub progress: Vec<Progress>,
}

/// The answer to a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Beat {
    /// Jobs of this worker that somebody wants stopped, and why.
    pub cancel: Vec<(JobId, String)>,
}
