//! Schedules, their ticks, and who leads.

use crate::clock::Timestamp;
use crate::job::JobId;
use crate::job::NewJob;
use crate::job::name::Label;
use std::time::Duration;

/// See [`crate::store::ScheduleStore::put_schedule`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutSchedule {
    /// Its name.
    pub name: Label,
    /// Its definition, as the scheduler writes it.
    pub definition: String,
    /// Whether its cursor starts again from now.
    pub rewind: bool,
}

/// A schedule as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleRecord {
    /// Its name.
    pub name: Label,
    /// Its definition.
    pub definition: String,
    /// Ticks up to here were judged.
    pub cursor: Timestamp,
    /// The newest tick that fired, and its job.
    pub fired: Option<(Timestamp, JobId)>,
    /// The ticks that are held, oldest first. The scheduler bounds how many.
    pub held: Vec<Timestamp>,
    /// Since when it is paused.
    pub paused_at: Option<Timestamp>,
    /// When its definition last changed.
    pub updated_at: Timestamp,
}

/// What is to become of a tick.
#[derive(Debug, Clone, PartialEq)]
pub enum TickDecision {
    /// Enqueue its job.
    Fire(Box<NewJob>),
    /// Keep it until the job of an earlier tick has ended.
    Hold,
    /// Leave it out, and why.
    Skip(String),
}

/// See [`crate::store::ScheduleStore::record_tick`].
#[derive(Debug, Clone, PartialEq)]
pub struct RecordTick {
    /// The schedule.
    pub schedule: Label,
    /// The instant.
    pub at: Timestamp,
    /// What becomes of it.
    pub decision: TickDecision,
}

/// What became of a tick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TickStatus {
    /// Its job was enqueued (or, when a unique key stood against it, the holder).
    Fired(JobId),
    /// It waits for the job of an earlier tick.
    Held,
    /// It was left out, and why.
    Skipped(String),
}

/// A tick as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tick {
    /// The instant.
    pub at: Timestamp,
    /// What became of it.
    pub status: TickStatus,
    /// When that was recorded.
    pub recorded_at: Timestamp,
}

/// See [`crate::store::LeaderStore::elect`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElectParams {
    /// What is led.
    pub role: String,
    /// Who wants to: unique to a process's start.
    pub candidate: String,
    /// For how long.
    pub lease: Duration,
}

/// Who leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Election {
    /// The leader.
    pub leader: String,
    /// Counts changes of leader up.
    pub term: u64,
    /// How long its lease still runs.
    pub expires_in: Duration,
}
