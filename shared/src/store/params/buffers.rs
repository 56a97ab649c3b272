//! What waits for a destination, and what became of it.

use crate::clock::Timestamp;
use crate::job::JobId;
use crate::job::name::Label;
use bytes::Bytes;
use uuid::Uuid;

/// The id of a buffer's entry; made by whoever adds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub Uuid);

impl EntryId {
    /// The id that the job `origin` gives to the entry it calls `label`: the same for the same
    /// two, so that a job that runs again adds nothing twice.
    pub fn derive(origin: JobId, label: &str) -> Self {
        Self(JobId::derive(origin, label).into())
    }
}

/// An entry to add to a buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// Its id.
    pub id: EntryId,
    /// The job it comes from.
    pub origin: Option<JobId>,
    /// What is to be delivered.
    pub body: Bytes,
}

/// See [`crate::store::BufferStore::append`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppendParams {
    /// The destination.
    pub destination: Label,
    /// How many entries may wait.
    pub capacity: u64,
    /// The entries, in order.
    pub entries: Vec<NewEntry>,
}

/// An entry that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: EntryId,
    /// The job it comes from.
    pub origin: Option<JobId>,
    /// What is to be delivered.
    pub body: Bytes,
    /// When it was added.
    pub added_at: Timestamp,
}

/// What became of an entry that waits no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The destination took it.
    Delivered,
    /// The destination will never take it, and why.
    Refused(String),
}

/// What became of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Its id.
    pub id: EntryId,
    /// Where it was to go.
    pub destination: Label,
    /// What became of it; `None`: it waits.
    pub fate: Option<Fate>,
    /// When it was added, or when its fate was decided.
    pub at: Timestamp,
}

/// A destination and its buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationRecord {
    /// Its name.
    pub name: Label,
    /// How many entries wait.
    pub waiting: u64,
    /// Since when the oldest waits.
    pub oldest_at: Option<Timestamp>,
    /// Since when nothing is sent to it, and why.
    pub disabled: Option<(Timestamp, String)>,
    /// When it last took something.
    pub succeeded_at: Option<Timestamp>,
    /// When it last failed, and how.
    pub failed: Option<(Timestamp, String)>,
}

/// Something to note about a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// It took something.
    Succeeded,
    /// It failed, and how.
    Failed(String),
    /// Nothing is to be sent to it any more, and why. The first reason stays.
    Disable(String),
    /// Sending may start again.
    Enable,
}
