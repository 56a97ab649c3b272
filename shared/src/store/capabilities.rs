//! What a store can do, as data.

use serde::Serialize;

/// What survives what, once a call has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// Nothing survives the process.
    None,
    /// Survives the death of the process; a power cut may undo the last moments.
    Process,
    /// Survives a power cut.
    Disk,
}

/// How a worker learns that there is work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Wake {
    /// Hints within this process; other processes find the work by polling, which workers do often
    /// then.
    Local,
    /// Hints reach every process.
    Everywhere,
}

/// The order of lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ListOrder {
    /// By acceptance.
    Acceptance,
    /// By id, which is by the time at which its maker made it.
    Id,
}

/// What a store can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Capabilities {
    /// What it is called: `sqlite`. For people; code never branches on it.
    pub name: &'static str,
    /// What survives what.
    pub durability: Durability,
    /// Whether several processes may use it at once.
    pub shared_by_processes: bool,
    /// Whether several machines may use it at once.
    pub shared_by_machines: bool,
    /// How workers are woken, now: a store may lose the way by which hints come to it, and find it
    /// again.
    pub wake: Wake,
    /// What lists are ordered by, newest first.
    pub list_order: ListOrder,
    /// Whether jobs can be enqueued in the caller's own database transaction.
    pub transactional_enqueue: bool,
}
