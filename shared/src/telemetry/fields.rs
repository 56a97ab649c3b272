//! The name of every field that a log line or a span has, once.
//!
//! Written `{ fields::JOB_ID } = %id` in the macros of `tracing`. One word per thing; lengths of
//! time end in `_ms`, sizes in `_bytes`.

/// A job's id.
pub const JOB_ID: &str = "job.id";
/// A job's kind.
pub const JOB_KIND: &str = "job.kind";
/// The queue of a job, or a queue itself.
pub const QUEUE: &str = "queue";
/// The number of an attempt, from 1.
pub const ATTEMPT: &str = "attempt";
/// How something ended: a job's outcome, a tick's decision.
pub const OUTCOME: &str = "outcome";
/// The trace that a job belongs to, as W3C writes it.
pub const TRACE_ID: &str = "trace_id";
/// The span within it.
pub const SPAN_ID: &str = "span_id";
/// A worker's id.
pub const WORKER_ID: &str = "worker.id";
/// A worker's name.
pub const WORKER_NAME: &str = "worker.name";
/// A schedule's name.
pub const SCHEDULE: &str = "schedule";
/// The instant of a tick.
pub const TICK: &str = "tick";
/// The term of a leader.
pub const TERM: &str = "term";
/// A source's name.
pub const SOURCE: &str = "source";
/// A destination's name.
pub const DESTINATION: &str = "destination";
/// A pipeline's name.
pub const PIPELINE: &str = "pipeline";
/// A request's id, which its answer carries too.
pub const REQUEST_ID: &str = "request.id";
/// A method of HTTP.
pub const HTTP_METHOD: &str = "http.method";
/// The pattern of the path that a request went to.
pub const HTTP_ROUTE: &str = "http.route";
/// A status of HTTP.
pub const HTTP_STATUS: &str = "http.status";
/// The name of a problem that was answered.
pub const PROBLEM: &str = "problem";
/// The id of one occurrence of a problem, which its answer carries too.
pub const INSTANCE: &str = "instance";
/// How many things a line is about.
pub const COUNT: &str = "count";
/// How long something took.
pub const ELAPSED_MS: &str = "elapsed_ms";
/// How long until something is tried again.
pub const RETRY_IN_MS: &str = "retry_in_ms";
/// How large something is.
pub const SIZE_BYTES: &str = "size_bytes";
/// What went wrong, with its causes.
pub const ERROR: &str = "error";
/// Where in the code a panic happened.
pub const PANIC_LOCATION: &str = "panic.location";

/// Every name; each stands once.
pub const ALL: &[&str] = &[
    JOB_ID,
    JOB_KIND,
    QUEUE,
    ATTEMPT,
    OUTCOME,
    TRACE_ID,
    SPAN_ID,
    WORKER_ID,
    WORKER_NAME,
    SCHEDULE,
    TICK,
    TERM,
    SOURCE,
    DESTINATION,
    PIPELINE,
    REQUEST_ID,
    HTTP_METHOD,
    HTTP_ROUTE,
    HTTP_STATUS,
    PROBLEM,
    INSTANCE,
    COUNT,
    ELAPSED_MS,
    RETRY_IN_MS,
    SIZE_BYTES,
    ERROR,
    PANIC_LOCATION,
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_of_one_form_and_stand_once() {
        let distinct: BTreeSet<_> = ALL.iter().collect();
        assert_eq!(distinct.len(), ALL.len());
        for name in ALL {
            let legal = |c: char| c.is_ascii_lowercase() || "._".contains(c);
            assert!(name.chars().all(legal), "{name}");
            assert!(!super::super::json::OWN.contains(name), "{name}");
        }
    }
}
