//! What a caller sends to submit jobs, and how it becomes jobs. Pure: every fault of the whole
//! request is found before any store hears of it.

mod fields;

use bytes::Bytes;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use shared::{
    clock::Timestamp,
    job::{
        Args, Invalid, JobId, Kind, NewJob, Priority, QueueName, TraceContext, args,
        new::{Due, check_timeout},
    },
};
use std::{collections::HashMap, fmt};

use crate::{
    extract::{
        json::{MAX_DEPTH, is_deeper_than},
        shapes::Object,
    },
    problem::{Faults, Place, Problem, catalog},
};
use fields::{Fields, SubmitJob};

/// What all jobs of a request have in common, and how the request is read.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    /// Whether the body is an array.
    pub(super) many: bool,
    /// Most jobs in it.
    pub(super) max_jobs: usize,
    /// How often a job may fail unless it says otherwise.
    pub(super) max_attempts: u32,
    /// The trace of the request.
    pub(super) trace: Option<TraceContext>,
}

/// Jobs that were read, and what is wrong with them.
#[derive(Debug, Default)]
pub(super) struct Submission {
    jobs: Vec<NewJob>,
    faults: Faults,
    args_too_large: bool,
    too_many: bool,
    /// Times that are to be compared with the store's clock, and where they stand.
    run_at: Vec<(Place, Due)>,
    /// The ids that callers gave, and the places of their jobs.
    ids: HashMap<JobId, Place>,
}

impl Submission {
    /// Whether the store must be asked for its time before [`Self::finish`].
    pub(super) fn needs_now(&self) -> bool {
        !self.run_at.is_empty()
    }

    /// The jobs, if nothing is wrong with any.
    ///
    /// # Errors
    /// One problem for all of it.
    pub(super) fn finish(mut self, most: usize, now: Timestamp) -> Result<Vec<NewJob>, Problem> {
        if self.too_many {
            let detail = format!("the array holds more than {most} jobs");
            return Err(Problem::with(&catalog::TOO_MANY_JOBS, detail));
        }
        for (place, due) in self.run_at {
            self.faults.keep(&place, due.check(now));
        }
        if self.args_too_large {
            return Err(Problem::new(&catalog::ARGS_TOO_LARGE).because_of(self.faults));
        }
        if !self.faults.is_empty() {
            return Err(Problem::validation(self.faults));
        }
        Ok(self.jobs)
    }

    fn add(&mut self, place: &Place, job: &SubmitJob<'_>, reader: &Reader) {
        let kind = self.kind(place, job.kind.as_deref());
        let args = self.args(place, job.args);
        let mut fields = Fields {
            place,
            faults: &mut self.faults,
        };
        let id = fields.text("id", job.id.as_deref(), str::parse::<JobId>);
        let queue = fields.text("queue", job.queue.as_deref(), QueueName::new);
        let priority = job.priority.map(Priority::new);
        let priority = priority.and_then(|priority| fields.keep(priority));
        let due = fields.due(job);
        let max_attempts = fields.max_attempts(job.max_attempts);
        let timeout = fields.length("timeout", job.timeout.as_deref());
        let timeout = timeout.filter(|timeout| fields.keep(check_timeout(*timeout)).is_some());
        let backoff = job.backoff.map(|Object(backoff)| backoff.check());
        let backoff = backoff.and_then(|backoff| fields.keep(backoff));
        let unique = job.unique.as_ref();
        let unique = unique.and_then(|Object(unique)| fields.unique(unique));
        let tags = fields.tags(job.tags.as_ref().map_or(&[], |tags| &tags.0));
        if let Due::At(_) = due {
            self.run_at.push((place.clone(), due));
        }
        if let Some(id) = id {
            self.note_id(place, id);
        }
        // Once something is wrong nothing will be enqueued: the rest is read for its faults only.
        let (Some(kind), Some(args), true) = (kind, args, self.faults.is_empty()) else {
            return;
        };
        let mut new =
            NewJob::with(kind, args).max_attempts(max_attempts.unwrap_or(reader.max_attempts));
        new.id = id.unwrap_or(new.id);
        new.queue = queue.unwrap_or(new.queue);
        new.priority = priority.unwrap_or(new.priority);
        new.due = due;
        new.timeout = timeout;
        new.backoff = backoff;
        new.unique = unique;
        new.tags = tags;
        new.trace.clone_from(&reader.trace);
        self.jobs.push(new);
    }

    fn kind(&mut self, place: &Place, kind: Option<&str>) -> Option<Kind> {
        let Some(kind) = kind else {
            self.faults.add(place.member("kind"), "is missing");
            return None;
        };
        self.faults.keep(place, Kind::new(kind))
    }

    fn args(&mut self, place: &Place, args: Option<&RawValue>) -> Option<Args> {
        let Some(args) = args else {
            return Some(Args::default());
        };
        self.args_too_large |= args.get().len() > args::MAX_BYTES;
        self.faults.keep(place, check_args(args))
    }

    /// Two jobs of one request with one id: one of them would be lost without a word.
    fn note_id(&mut self, place: &Place, id: JobId) {
        if let Some(Place::Pointer(other)) = self.ids.insert(id, place.clone()) {
            let why = format!("is the id of {other} too");
            self.faults.add(place.member("id"), why);
        }
    }
}

/// The args of a job, copied out of the body so that they do not keep all of it in memory.
///
/// # Errors
/// `Invalid` when they are too large or too deep.
pub(in crate::routes) fn check_args(json: &RawValue) -> Result<Args, Invalid> {
    let json = json.get();
    if json.len() > args::MAX_BYTES {
        let why = format!("are {} bytes, more than {}", json.len(), args::MAX_BYTES);
        return Err(Invalid::new("args", why));
    }
    if is_deeper_than(json, MAX_DEPTH) {
        let why = format!("are nested deeper than {MAX_DEPTH} levels");
        return Err(Invalid::new("args", why));
    }
    Args::from_json_bytes(Bytes::copy_from_slice(json.as_bytes()))
}

impl<'de> DeserializeSeed<'de> for Reader {
    type Value = Submission;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Submission, D::Error> {
        if self.many {
            return from.deserialize_seq(self);
        }
        let Object(job) = Object::<SubmitJob<'de>>::deserialize(from)?;
        let mut submission = Submission::default();
        submission.add(&Place::body(), &job, &self);
        Ok(submission)
    }
}

impl<'de> Visitor<'de> for Reader {
    type Value = Submission;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of jobs")
    }

    /// Jobs are made as they are read, so that an array of millions costs no more than one too
    /// many.
    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Submission, A::Error> {
        let mut submission = Submission::default();
        let mut index = 0_usize;
        while let Some(Object(job)) = from.next_element::<Object<SubmitJob<'de>>>()? {
            if index == self.max_jobs {
                submission.too_many = true;
                while from.next_element::<IgnoredAny>()?.is_some() {}
                break;
            }
            let place = Place::body().member(&index.to_string());
            submission.add(&place, &job, &self);
            index += 1;
        }
        Ok(submission)
    }
}
