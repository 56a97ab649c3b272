//! The cases, by area. Each is given a clean store and speaks to it through the contract alone.

pub(crate) mod buffer;
pub(crate) mod cancel;
pub(crate) mod claim;
pub(crate) mod counts;
pub(crate) mod dead_letters;
pub(crate) mod enqueue;
pub(crate) mod handle;
pub(crate) mod history;
pub(crate) mod leader;
pub(crate) mod lease;
pub(crate) mod list;
pub(crate) mod promote;
pub(crate) mod prune;
pub(crate) mod queue;
pub(crate) mod rescue;
pub(crate) mod schedule;
pub(crate) mod settle;
pub(crate) mod unique;
pub(crate) mod wakeups;
