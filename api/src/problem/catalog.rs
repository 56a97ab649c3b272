//! Every problem there is: its type, status, title, what it means and what to do about it.
//!
//! The list is served at `/problems/{name}` and stands in `docs/API.md`; a test compares the two.
//! A name once given is never given another meaning, because programs branch on it.

use http::StatusCode;
use shared::job::attempt::ErrorKind;

/// One type of problem.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The last part of its type URI.
    pub(crate) name: &'static str,
    /// The status it is answered with; `None` for what went wrong with a job's attempt, which is
    /// told inside an answer that is a success.
    pub(crate) status: Option<StatusCode>,
    /// The same for every occurrence.
    pub(crate) title: &'static str,
    /// What happened.
    pub(crate) meaning: &'static str,
    /// What the caller does about it.
    pub(crate) remedy: &'static str,
}

impl Entry {
    /// The type URI, relative to wherever the API stands.
    pub(crate) fn uri(&self) -> String {
        format!("/problems/{}", self.name)
    }

    /// The entry with this name.
    pub(crate) fn find(name: &str) -> Option<&'static Self> {
        ALL.iter().copied().find(|entry| entry.name == name)
    }

    /// The entry for an attempt that went wrong.
    pub(crate) const fn of_attempt(kind: ErrorKind) -> &'static Self {
        match kind {
            ErrorKind::Failed => &ATTEMPT_FAILED,
            ErrorKind::Panicked => &ATTEMPT_PANICKED,
            ErrorKind::TimedOut => &ATTEMPT_TIMED_OUT,
            ErrorKind::Crashed => &ATTEMPT_CRASHED,
            ErrorKind::UnknownKind => &ATTEMPT_UNKNOWN_KIND,
            ErrorKind::Refused => &ATTEMPT_REFUSED,
            ErrorKind::Cancelled => &ATTEMPT_CANCELLED,
            ErrorKind::Snoozed => &ATTEMPT_SNOOZED,
        }
    }
}

macro_rules! catalog {
    (@status -) => { None };
    (@status $status:ident) => { Some(StatusCode::$status) };
    ($($id:ident $name:literal $status:tt $title:literal $meaning:literal $remedy:literal;)*) => {
        $(
            #[doc = $title]
            pub(crate) static $id: Entry = Entry {
                name: $name,
                status: catalog!(@status $status),
                title: $title,
                meaning: $meaning,
                remedy: $remedy,
            };
        )*

        /// Every entry, in the order of the documentation.
        pub(crate) static ALL: &[&Entry] = &[$(&$id),*];
    };
}

catalog! {
    MALFORMED_JSON "malformed-json" BAD_REQUEST
        "The body is not JSON"
        "The body breaks the grammar of JSON, or is not UTF-8. `detail` names the line and column."
        "Mend the body. Nothing was changed.";
    UNREADABLE_BODY "unreadable-body" BAD_REQUEST
        "The body could not be read"
        "The connection broke, or the framing of the body was wrong, before all of it had come."
        "Send the request again.";
    VALIDATION_ERROR "validation-error" UNPROCESSABLE_ENTITY
        "The request says something that is not allowed"
        "The request was understood, but a value breaks a rule, or a name is unknown. `errors` \
         holds every fault that was found: `pointer` is its place in the body (a JSON pointer), \
         `parameter` its name in the query."
        "Mend what `errors` names. Nothing was changed.";
    BODY_TOO_LARGE "body-too-large" PAYLOAD_TOO_LARGE
        "The body is too large"
        "The body is larger than `api.max_body`. It was not read to its end."
        "Send fewer jobs at once, or smaller args.";
    ARGS_TOO_LARGE "args-too-large" PAYLOAD_TOO_LARGE
        "The args of a job are too large"
        "The args of a job are more than 1 MiB; `errors` says which. No job was accepted."
        "Keep the bulk elsewhere and put its address into the args.";
    TOO_MANY_JOBS "too-many-jobs" PAYLOAD_TOO_LARGE
        "There are too many jobs in one request"
        "The array holds more jobs than `api.max_jobs_per_request`. No job was accepted."
        "Send them in several requests.";
    UNSUPPORTED_MEDIA_TYPE "unsupported-media-type" UNSUPPORTED_MEDIA_TYPE
        "The body is not declared as JSON"
        "A body must come with `Content-Type: application/json` and without `Content-Encoding`."
        "Set the header. With curl: -H 'content-type: application/json'.";
    SLOW_BODY "slow-body" REQUEST_TIMEOUT
        "The body took too long to come"
        "The body had not come after half of `api.request_timeout`."
        "Send the request again, over a better line or in smaller parts.";
    WRONG_HOST "wrong-host" MISDIRECTED_REQUEST
        "This host name is not served"
        "The API listens on loopback and has no keys, so it answers only to loopback names: \
         `localhost`, 127.0.0.1, [::1]. Any other `Host` may be a web page that has bent a name of \
         its own to this machine."
        "Call it by a loopback name. A proxy in front must set `Host` to one.";
    CROSS_SITE "cross-site" FORBIDDEN
        "A web page of another site sent this request"
        "The browser says that the request comes from another origin. The API has no keys yet, so \
         such a request is refused whatever it asks."
        "Call the API from a program, or from a page of the same origin.";
    NO_SUCH_ADDRESS "no-such-address" NOT_FOUND
        "There is nothing at this address"
        "The path is none of the API's."
        "Look the address up: `GET /` lists where to begin.";
    METHOD_NOT_ALLOWED "method-not-allowed" METHOD_NOT_ALLOWED
        "This address does not take this method"
        "The path exists, the method does not. The header `Allow` lists those that do."
        "Use one of them.";
    JOB_NOT_FOUND "job-not-found" NOT_FOUND
        "There is no such job"
        "The id is no job's, or the job ended so long ago that it is forgotten."
        "Check the id. How long ended jobs are kept is the configuration's `retention`.";
    QUEUE_NOT_FOUND "queue-not-found" NOT_FOUND
        "There is no such queue"
        "A queue is known once a job was accepted into it or a worker serves it."
        "Check the name: `GET /v1/queues` lists all.";
    PIPELINE_NOT_FOUND "pipeline-not-found" NOT_FOUND
        "There is no such pipeline"
        "Pipelines are defined in the configuration; this name is not among them."
        "Check the name: `GET /v1/pipelines` lists all.";
    SCHEDULE_NOT_FOUND "schedule-not-found" NOT_FOUND
        "There is no such schedule"
        "Schedules are defined in the configuration, and known once a scheduler has run."
        "Check the name: `GET /v1/schedules` lists all.";
    DESTINATION_NOT_FOUND "destination-not-found" NOT_FOUND
        "There is no such destination"
        "Destinations are defined in the configuration. One that is not any more, but was used, is \
         still listed; nothing can be published to it."
        "Check the name: `GET /v1/destinations` lists all.";
    RECEIPTS_NOT_FOUND "receipts-not-found" NOT_FOUND
        "There are no receipts under this id"
        "Nothing was published to this destination under the id, or all of it was delivered or \
         refused so long ago that it is forgotten."
        "Check the id. Receipts are kept for the longest time of the configuration's `retention`.";
    JOB_ENDED "job-ended" CONFLICT
        "The job has ended"
        "What was asked for is possible only before a job has ended. `state` says how it ended."
        "Nothing, or submit a new job.";
    JOB_NOT_WAITING "job-not-waiting" CONFLICT
        "The job does not wait for its time"
        "Only a `scheduled` or `retryable` job can be made to run now. `state` says where it is."
        "Nothing: it runs, or will as soon as it can.";
    JOB_IS_DEAD_LETTER "job-is-dead-letter" CONFLICT
        "The job is a dead letter"
        "A discarded job never runs again. What can run is a copy of it, with a lineage."
        "Replay it: POST its id to `/v1/dead-letters/replay`.";
    TOO_MANY_WAITERS "too-many-waiters" TOO_MANY_REQUESTS
        "Too many requests wait for jobs to end"
        "Requests with `?wait=` hold a place while they wait, and no place is free."
        "Ask without `wait`, or again after `Retry-After` seconds and a little more, at random.";
    TOO_MANY_LARGE_BODIES "too-many-large-bodies" TOO_MANY_REQUESTS
        "Too many large bodies are read at once"
        "A body over 1 MiB needs one of a few places while it is read and carried out, and none \
         became free in time. Nothing was changed."
        "Send fewer at once, or again after `Retry-After` seconds and a little more, at random.";
    BUFFER_FULL "buffer-full" TOO_MANY_REQUESTS
        "The destination's buffer is full"
        "There is no room for what was to be published; none of it was added. `waiting` entries \
         wait, and `capacity` may. A destination that is slow, away or disabled fills its buffer: \
         `GET /v1/destinations` tells."
        "Publish it again after `Retry-After` seconds and a little more, at random, or fewer \
         entries at once.";
    INTERNAL "internal" INTERNAL_SERVER_ERROR
        "Something went wrong inside"
        "A fault of ours. The log has its cause under the `instance` of this problem."
        "Tell whoever runs this, with the `instance`.";
    STORE_UNAVAILABLE "store-unavailable" SERVICE_UNAVAILABLE
        "The store cannot be reached"
        "The store did not answer, or gave up in the middle: the request may have been carried out \
         or not."
        "Repeat it after `Retry-After` seconds and a little more, at random. That is safe for \
         everything but submitting jobs or publishing without an `id` of your own: what was sent may \
         then be there twice.";
    TIMED_OUT "timed-out" SERVICE_UNAVAILABLE
        "The request took too long"
        "It was not done within `api.request_timeout`. It may have been carried out or not."
        "As for `store-unavailable`; if it persists, ask for less at once.";
    STOPPING "stopping" SERVICE_UNAVAILABLE
        "The process is stopping"
        "It finishes what it has begun and takes nothing new."
        "Ask another instance, or again in a moment.";
    ATTEMPT_FAILED "attempt-failed" -
        "The handler returned an error"
        "The handler ran and said that it failed. `detail` is what it said."
        "Mend the cause; the job is retried by itself, or replayed when it is a dead letter.";
    ATTEMPT_PANICKED "attempt-panicked" -
        "The handler panicked"
        "The handler hit a bug of its own. `detail` is the panic's message."
        "Mend the handler.";
    ATTEMPT_TIMED_OUT "attempt-timed-out" -
        "The attempt ran past its deadline"
        "The attempt took longer than the job's `timeout`, or the worker's `job_timeout`."
        "Make it faster, or give it more time.";
    ATTEMPT_CRASHED "attempt-crashed" -
        "The worker died or was cut off"
        "Nothing was heard of the worker for as long as its lease. A job that does this to three \
         workers is discarded."
        "Look at the worker's machine and log: memory, signals, network.";
    ATTEMPT_UNKNOWN_KIND "attempt-unknown-kind" -
        "No handler knows the kind"
        "The worker that claimed the job has no handler for its kind."
        "Start a worker that has one, or correct the kind.";
    ATTEMPT_REFUSED "attempt-refused" -
        "The handler said: never again"
        "The handler judged that more attempts would not help. `detail` says why."
        "Mend the cause, perhaps the args, and replay the dead letter.";
    ATTEMPT_CANCELLED "attempt-cancelled" -
        "The attempt was stopped"
        "The job was cancelled while it ran."
        "Nothing.";
    ATTEMPT_SNOOZED "attempt-snoozed" -
        "The attempt put itself off"
        "The handler asked to be run again later; the attempt was not counted. `detail` says why."
        "Nothing.";
}

/// The list as `docs/API.md` shows it.
#[cfg(test)]
pub(crate) fn table() -> String {
    use std::fmt::Write as _;

    let mut text = String::from(
        "| `type` is `/problems/` and | status | title | what it means | what to do |\n\
         |---|---|---|---|---|\n",
    );
    for entry in ALL {
        let status = entry.status.map_or_else(
            || "in a job".to_owned(),
            |status| status.as_u16().to_string(),
        );
        writeln!(
            text,
            "| `{}` | {status} | {} | {} | {} |",
            entry.name, entry.title, entry.meaning, entry.remedy
        )
        .unwrap();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_fit_into_an_address() {
        let names: HashSet<&str> = ALL.iter().map(|entry| entry.name).collect();
        assert_eq!(names.len(), ALL.len());
        let plain = |c: char| c.is_ascii_lowercase() || c == '-';
        assert!(names.iter().all(|name| name.chars().all(plain)));
        assert_eq!(Entry::find("job-ended"), Some(&JOB_ENDED));
        assert_eq!(Entry::find("JOB-ENDED"), None);
    }

    #[test]
    fn the_documentation_lists_exactly_these() {
        let doc = include_str!("../../../docs/API.md");
        let (_, rest) = doc
            .split_once("<!-- problems: as the code has them -->\n")
            .unwrap();
        let (listed, _) = rest.split_once("<!-- end of problems -->").unwrap();
        assert!(
            listed == table(),
            "docs/API.md should hold this between its marks:\n{}",
            table()
        );
    }
}
