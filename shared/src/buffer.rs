//! Adding to a destination's buffer, and seeing to it that it is flushed.
//!
//! A destination is flushed by **one job at a time in the whole fleet**: the job of kind `publish`
//! that holds the unique key `flush:<destination>` in the queue `publish`. Whoever adds entries
//! asks for it, due when the entries are; when there is one already, that is the one. It may be
//! past its last look at the buffer by then, and end without having seen them. So asking is the
//! hint, and looking is the truth: every worker looks at every buffer now and then and asks again,
//! and so does a pipeline for as long as it waits.

pub mod entry;

use crate::{
    backoff::Backoff,
    config::destinations::Buffer,
    job::{
        Args, JobId, Kind, NewJob, QueueName, State, Tag, TraceContext, Unique, UniqueKey,
        UniquePolicy, name::Label, new::Due,
    },
    store::{AppendParams, Enqueued, NewEntry, Result, Store},
};
use serde_json::json;
use std::time::Duration;

/// The kind of the jobs that publish, flushes among them.
pub const KIND: &str = "publish";

/// Where flushes wait, so that no backlog of other jobs is before them.
pub const QUEUE: &str = "publish";

/// The waits between the attempts of a flush. A destination that comes back is not left waiting
/// for days.
const BACKOFF: Backoff = Backoff {
    base: Duration::from_secs(5),
    factor: 2.0,
    cap: LONGEST_WAIT,
};

/// The longest of these waits.
pub const LONGEST_WAIT: Duration = Duration::from_mins(5);

/// After so many failed attempts, about four hours, a flush becomes a dead letter for somebody to
/// see. Its entries stay, and the next flush tries them.
const ATTEMPTS: u32 = 100;

/// The unique key of a destination's flush.
#[expect(
    clippy::missing_panics_doc,
    reason = "it never panics: a label is short enough"
)]
pub fn key(destination: &Label) -> UniqueKey {
    UniqueKey::new(format!("flush:{destination}"))
        .expect("a label and six letters are a unique key")
}

/// Adds entries to a buffer and sees to its flush. Answers how many wait now. Idempotent by the
/// ids of the entries.
///
/// # Errors
/// As [`crate::store::BufferStore::append`]; when the flush could not be asked for, the entries
/// were added nevertheless.
pub async fn add(
    store: &dyn Store,
    destination: &Label,
    buffer: &Buffer,
    entries: Vec<NewEntry>,
    trace: Option<&TraceContext>,
) -> Result<u64> {
    let added = entries.len() as u64;
    let waiting = append(store, destination, buffer, entries).await?;
    see_to(store, destination, buffer, Added { added, waiting }, trace).await?;
    Ok(waiting)
}

/// Adds entries to a buffer and leaves its flush to [`see_to`]. Answers how many wait now.
/// Idempotent by the ids of the entries.
///
/// # Errors
/// As [`crate::store::BufferStore::append`].
pub async fn append(
    store: &dyn Store,
    destination: &Label,
    buffer: &Buffer,
    entries: Vec<NewEntry>,
) -> Result<u64> {
    let params = AppendParams {
        destination: destination.clone(),
        capacity: buffer.capacity,
        entries,
    };
    store.append(params).await
}

/// What an append came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Added {
    /// How many entries were added.
    pub added: u64,
    /// How many wait now.
    pub waiting: u64,
}

/// Sees to the flush of entries that were added; answers which job it is, if anything waits.
/// Idempotent. When it fails nothing is lost, but the flush may come later.
///
/// # Errors
/// As [`crate::store::JobStore::enqueue`].
pub async fn see_to(
    store: &dyn Store,
    destination: &Label,
    buffer: &Buffer,
    added: Added,
    trace: Option<&TraceContext>,
) -> Result<Option<JobId>> {
    if added.waiting == 0 {
        return Ok(None);
    }
    let due = due(buffer, added);
    ask(store, destination, due, trace).await.map(Some)
}

/// Asks again for the flush of entries that were added before: the one they were added for may
/// have ended without having seen them. Idempotent.
///
/// # Errors
/// As [`crate::store::JobStore::enqueue`].
pub async fn look_after(
    store: &dyn Store,
    destination: &Label,
    buffer: &Buffer,
    trace: Option<&TraceContext>,
) -> Result<()> {
    let due = FlushDue::In(buffer.flush_interval);
    ask(store, destination, due, trace).await.map(drop)
}

/// When a flush is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlushDue {
    /// After this time, or when one that waits already is.
    In(Duration),
    /// At once: so many wait now.
    Full,
    /// At once, because somebody says so: not even its own backoff keeps it.
    Ordered,
}

/// When a flush is due after entries joined those that wait.
fn due(buffer: &Buffer, Added { added, waiting }: Added) -> FlushDue {
    let enough = u64::from(buffer.flush_every);
    let before = waiting.saturating_sub(added);
    // Only who makes it enough hurries it on, so that a destination which is down is not called
    // once for every entry that is added meanwhile.
    if waiting >= enough && before < enough {
        FlushDue::Full
    } else {
        FlushDue::In(buffer.flush_interval)
    }
}

/// Asks for a flush; answers which job it is. Idempotent.
///
/// # Errors
/// As [`crate::store::JobStore::enqueue`].
pub async fn ask(
    store: &dyn Store,
    destination: &Label,
    due: FlushDue,
    trace: Option<&TraceContext>,
) -> Result<JobId> {
    let flush = flush(destination, due, trace);
    let id = flush.id;
    let holder = match store.enqueue(vec![flush]).await?.first() {
        Some(Enqueued::Duplicate { holder }) => *holder,
        _ => return Ok(id),
    };
    let hurry = match due {
        FlushDue::In(_) => false,
        FlushDue::Ordered => true,
        FlushDue::Full => {
            let detail = store.get(vec![holder]).await?.pop().flatten();
            detail.is_some_and(|job| job.summary.state == State::Scheduled)
        }
    };
    if hurry {
        store.run_now(vec![holder]).await?;
    }
    Ok(holder)
}

fn flush(destination: &Label, due: FlushDue, trace: Option<&TraceContext>) -> NewJob {
    let kind = Kind::new(KIND).expect("the kind of a built-in handler is one");
    let args = Args::json(&json!({ "destination": destination }))
        .expect("a name makes args of a few bytes");
    let mut job = NewJob::with(kind, args);
    job.queue = QueueName::new(QUEUE).expect("the name of a built-in queue is one");
    job.unique = Some(Unique {
        key: key(destination),
        policy: UniquePolicy::UntilFinished,
    });
    job.due = match due {
        FlushDue::In(wait) => Due::In(wait),
        FlushDue::Full | FlushDue::Ordered => Due::Now,
    };
    job.max_attempts = ATTEMPTS;
    job.backoff = Some(BACKOFF);
    job.trace = trace.cloned();
    // A name of more than 52 bytes is too long for a tag.
    job.tags = Tag::new(format!("destination:{destination}"))
        .into_iter()
        .collect();
    job
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn a_flush_is_hurried_on_by_who_makes_it_enough() {
        let buffer = Buffer::default();
        let later = FlushDue::In(buffer.flush_interval);
        for (waiting, added, expected) in [
            (1, 1, later),
            (249, 1, later),
            (250, 1, FlushDue::Full),
            (300, 100, FlushDue::Full),
            (300, 50, later),
            (9000, 1, later),
            (9000, 9000, FlushDue::Full),
        ] {
            let both = Added { added, waiting };
            assert_eq!(due(&buffer, both), expected, "{both:?}");
        }
    }

    #[test]
    fn a_flush_is_a_valid_job_even_for_the_longest_name() {
        let name = Label::new("x".repeat(64)).unwrap();
        let job = flush(&name, FlushDue::Full, None);
        assert_eq!(job.check(Timestamp::default()), Ok(()));
        assert!(job.tags.is_empty());
    }
}
