//! Adding to a destination's buffer, and seeing to it that it is flushed.
//!
//! A destination is flushed by **one job at a time in the whole fleet**: the job of kind `publish`
//! that holds the unique key `flush:<destination>` in the queue `publish`. Whoever adds entries
//! asks for it, due when the entries are; when there is one already, that is the one. It may be
//! past its last look at the buffer by then, and end without having seen them. So asking is the
//! hint, and looking is the truth: the [`keeper`](super::keeper) looks at every buffer now and
//! then and asks again, and so does a pipeline for as long as it waits.

use serde_json::json;
use shared::{
    backoff::Backoff,
    config::destinations::Buffer,
    job::{
        Args, JobId, Kind, NewJob, QueueName, State, Tag, TraceContext, Unique, UniqueKey,
        UniquePolicy, name::Label, new::Due,
    },
    store::{AppendParams, Enqueued, NewEntry, Result, Store},
};
use std::time::Duration;

use crate::handlers::PUBLISH;

/// Where flushes wait, so that no backlog of other jobs is before them.
pub(crate) const QUEUE: &str = "publish";

/// The waits between the attempts of a flush. A destination that comes back is not left waiting
/// for days.
const BACKOFF: Backoff = Backoff {
    base: Duration::from_secs(5),
    factor: 2.0,
    cap: LONGEST_WAIT,
};

/// The longest of these waits.
pub(super) const LONGEST_WAIT: Duration = Duration::from_mins(5);

/// After so many failed attempts, about four hours, a flush becomes a dead letter for somebody to
/// see. Its entries stay, and the next flush tries them.
const ATTEMPTS: u32 = 100;

/// The unique key of a destination's flush.
pub(super) fn key(destination: &Label) -> UniqueKey {
    UniqueKey::new(format!("flush:{destination}"))
        .expect("a label and six letters are a unique key")
}

/// Adds entries to a buffer and sees to its flush. Answers how many wait now. Idempotent by the
/// ids of the entries.
///
/// # Errors
/// As [`shared::store::BufferStore::append`]; when the flush could not be asked for, the entries
/// were added nevertheless.
pub(crate) async fn add(
    store: &dyn Store,
    destination: &Label,
    buffer: &Buffer,
    entries: Vec<NewEntry>,
    trace: Option<&TraceContext>,
) -> Result<u64> {
    let added = entries.len() as u64;
    let params = AppendParams {
        destination: destination.clone(),
        capacity: buffer.capacity,
        entries,
    };
    let waiting = store.append(params).await?;
    if waiting > 0 {
        let due = due(buffer, waiting, added);
        ask(store, destination, due, trace).await?;
    }
    Ok(waiting)
}

/// Asks again for the flush of entries that were added before: the one they were added for may
/// have ended without having seen them.
pub(crate) async fn look_after(
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
pub(super) enum FlushDue {
    /// After this time, or when one that waits already is.
    In(Duration),
    /// At once: so many wait now.
    Full,
    /// At once, because somebody says so: not even its own backoff keeps it.
    Ordered,
}

/// When a flush is due after `added` entries joined those that wait.
fn due(buffer: &Buffer, waiting: u64, added: u64) -> FlushDue {
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
pub(super) async fn ask(
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
    let kind = Kind::new(PUBLISH).expect("the kind of a built-in handler is one");
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
    use shared::clock::Timestamp;

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
            assert_eq!(due(&buffer, waiting, added), expected, "{waiting} {added}");
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
