//! The operations that a history is made of.

use bytes::Bytes;
use std::time::Duration;

use shared::{
    clock::Timestamp,
    job::{JobId, NewJob, QueueName, name::Label, outcome::Ending},
    lease::WorkerInfo,
    store::{
        AppendParams, ElectParams, EntryId, Fate, Filter, Note, PruneParams, PutSchedule,
        RecordTick, Replay, Want,
    },
};

/// Kinds of operations, as a flavour weighs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Enqueue,
    /// Stop, run now, replay.
    Steer,
    /// Workers come and go.
    Staff,
    Claim,
    Settle,
    Beat,
    Time,
    /// Promote, rescue, prune.
    Duty,
    Pause,
    List,
    Schedule,
    Lead,
    Buffer,
}

/// Which number a claim bears.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Number {
    /// The last one plus so many.
    Next(u64),
    /// The last one, with the same wants: a repetition.
    Same,
    /// One before the last.
    Older,
}

/// One operation. Workers and grants are named by their place in what the walk knows, because
/// tokens differ from store to store.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    Enqueue(Vec<NewJob>),
    Cancel(Vec<JobId>, String),
    RunNow(Vec<JobId>),
    Replay(Vec<Replay>),
    Register(WorkerInfo, Duration),
    Leave {
        worker: usize,
    },
    Claim {
        worker: usize,
        number: Number,
        wants: Vec<Want>,
        max: usize,
    },
    Settle(Vec<(usize, Ending, Option<Bytes>)>),
    Beat {
        worker: usize,
        lease: Duration,
        progress: Vec<(usize, Bytes)>,
    },
    Advance(Duration),
    Promote {
        limit: usize,
    },
    Rescue {
        limit: usize,
    },
    Prune(PruneParams),
    Pause(QueueName, bool),
    List(Filter, usize),
    PutSchedule(PutSchedule),
    RemoveSchedule(Label),
    PauseSchedule(Label, bool),
    Tick(RecordTick),
    Elect(ElectParams),
    Resign {
        role: String,
        candidate: String,
        term: u64,
    },
    Append(AppendParams),
    Resolve(Label, Vec<(EntryId, Fate)>),
    Note(Label, Note),
}

/// What a walk has learned of its store, as far as the choice of operations needs it.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) now: Timestamp,
    /// Every job that was ever offered, accepted or not.
    pub(crate) ids: Vec<JobId>,
    /// Every claim of a job.
    pub(crate) grants: Vec<Grant>,
    pub(crate) workers: Vec<Worker>,
    /// Every entry that was ever offered to a buffer.
    pub(crate) entries: Vec<EntryId>,
    /// The highest term that anybody led.
    pub(crate) term: u64,
}

/// A job that was handed out.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) attempt: u32,
    pub(crate) max_attempts: u32,
    /// Whether a settle of it was kept.
    pub(crate) settled: bool,
}

/// A worker that registered.
#[derive(Debug)]
pub(crate) struct Worker {
    /// The last number of a claim that handed something out, and what was wanted then.
    pub(crate) last_claim: u64,
    pub(crate) wanted: (Vec<Want>, usize),
}
