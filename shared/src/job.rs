//! A job as everyone sees it: what it is called, what it carries, where it stands.
//!
//! Everything here is parsed once, at the boundary, and never checked again inside. What a store
//! keeps about a job is in [`record`]; what moves it from state to state is in [`state`].

pub mod args;
pub mod attempt;
pub mod id;
pub mod name;
pub mod new;
pub mod outcome;
pub mod record;
pub mod state;
pub mod trace;
pub mod unique;

pub use args::Args;
pub use attempt::AttemptError;
pub use id::JobId;
pub use name::{Kind, Priority, QueueName, Tag};
pub use new::NewJob;
pub use outcome::Outcome;
pub use record::{ClaimedJob, JobDetail, JobSummary};
pub use state::State;
pub use trace::TraceContext;
pub use unique::{Unique, UniqueKey, UniquePolicy};

/// A value from outside that breaks a rule: which one, and which rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {why}")]
pub struct Invalid {
    /// The field, in the caller's terms (`queue`, `max_attempts`).
    pub field: &'static str,
    /// What is wrong with it and what would be right.
    pub why: String,
}

impl Invalid {
    /// An `Invalid` for `field`.
    pub fn new(field: &'static str, why: impl Into<String>) -> Self {
        Self {
            field,
            why: why.into(),
        }
    }
}
