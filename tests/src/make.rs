//! Short ways to make the values that tests speak of.

use bytes::Bytes;
use std::time::Duration;

use shared::{
    job::{
        ClaimedJob, Kind, NewJob, Priority, QueueName, Tag, Unique, UniqueKey, UniquePolicy,
        attempt::{ErrorKind, Failure},
        name::Label,
        outcome::Ending,
    },
    store::{Filter, Settle, Want},
};

/// The smallest step of a store's clock.
pub const MICROSECOND: Duration = Duration::from_micros(1);

/// So many seconds.
pub const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A microsecond less than `length`.
pub fn just_before(length: Duration) -> Duration {
    length.saturating_sub(MICROSECOND)
}

/// A job in the default queue.
pub fn job() -> NewJob {
    NewJob::new("noop", &()).unwrap()
}

/// So many of them.
pub fn jobs(count: usize) -> Vec<NewJob> {
    (0..count).map(|_| job()).collect()
}

/// A job in a queue.
pub fn job_in(name: &str) -> NewJob {
    job().queue(queue(name))
}

/// A queue's name.
pub fn queue(name: &str) -> QueueName {
    QueueName::new(name).unwrap()
}

/// A kind.
pub fn kind(name: &str) -> Kind {
    Kind::new(name).unwrap()
}

/// A tag.
pub fn tag(name: &str) -> Tag {
    Tag::new(name).unwrap()
}

/// The name of a schedule or destination.
pub fn label(name: &str) -> Label {
    Label::new(name).unwrap()
}

/// A priority.
pub fn priority(number: u64) -> Priority {
    Priority::new(number).unwrap()
}

/// A unique key with a policy.
pub fn unique(key: &str, policy: UniquePolicy) -> Unique {
    Unique::new(UniqueKey::new(key).unwrap(), policy).unwrap()
}

/// At most so many from a queue.
pub fn want(name: &str, max: usize) -> Want {
    Want {
        queue: queue(name),
        max,
    }
}

/// A filter that lets jobs with a tag through.
pub fn tagged(name: &str) -> Filter {
    Filter {
        tag: Some(tag(name)),
        ..Filter::default()
    }
}

/// A failure with a message.
pub fn failure(message: &str) -> Failure {
    Failure::new(ErrorKind::Failed, message)
}

/// The end of an attempt.
pub fn end_of(job: &ClaimedJob, ending: Ending) -> Settle {
    Settle {
        id: job.id,
        token: job.token,
        ending,
        progress: None,
    }
}

/// Done, without a result.
pub const DONE: Ending = Ending::Complete { result: None };

/// Done, with a result.
pub fn done(result: &'static str) -> Ending {
    let result = Some(Bytes::from_static(result.as_bytes()));
    Ending::Complete { result }
}

/// Failed, to be tried again.
pub fn retry(wait: Duration) -> Ending {
    let failure = failure("it failed");
    Ending::Retry { wait, failure }
}

/// Put off by its handler.
pub fn snooze(wait: Duration) -> Ending {
    let failure = None;
    Ending::Snooze { wait, failure }
}

/// Given up by its handler.
pub fn discard() -> Ending {
    let failure = Failure::new(ErrorKind::Refused, "never again");
    Ending::Discard { failure }
}

/// Stopped by its handler.
pub fn stopped() -> Ending {
    let failure = Failure::new(ErrorKind::Cancelled, "no longer wanted");
    Ending::Cancel { failure }
}
