//! What a handler is given: its job, and the ways to speak about it while it runs.

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use shared::{
    clock::Timestamp,
    job::{ClaimedJob, Invalid, JobId, Kind, NewJob, QueueName, TraceContext},
    store::{self, Enqueued, Store},
    telemetry::{
        metrics::{OfJobs, metrics},
        traces::{Place, Recording},
    },
};
use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;

use crate::engine::Dirty;

/// Largest progress report in bytes: it is carried by heartbeats.
pub const MAX_PROGRESS: usize = 64 * 1024;

/// Why an attempt is to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// Somebody cancelled the job, and why.
    Cancelled(String),
    /// The worker is stopping and its patience is over: the job is handed back.
    HandedBack,
    /// The worker's lease is lost: somebody else may run the job already.
    LeaseLost,
}

/// One attempt of one job, as its handler sees it. Cheap to clone.
#[derive(Clone)]
pub struct Context(Arc<Inner>);

struct Inner {
    job: ClaimedJob,
    store: Arc<dyn Store>,
    stop: OnceLock<Stop>,
    stopped: Notify,
    report: Mutex<Report>,
    dirty: Arc<Dirty>,
    /// The span of this attempt, if it is recorded.
    span: OnceLock<(Place, TraceContext)>,
    counted: Arc<OfJobs>,
}

impl Context {
    pub(crate) fn new(job: ClaimedJob, store: Arc<dyn Store>, dirty: Arc<Dirty>) -> Self {
        let stopped = Notify::new();
        let counted = metrics().of(&job.queue, &job.kind);
        let (stop, report) = (OnceLock::new(), Mutex::default());
        Self(Arc::new(Inner {
            job,
            store,
            stop,
            stopped,
            report,
            dirty,
            span: OnceLock::new(),
            counted,
        }))
    }

    /// The job and this attempt of it.
    pub fn job(&self) -> &ClaimedJob {
        &self.0.job
    }

    /// The job's id. The same for every attempt: what it does outside may carry it as a key by
    /// which a repetition is recognised.
    pub fn id(&self) -> JobId {
        self.0.job.id
    }

    /// The job's kind.
    pub fn kind(&self) -> &Kind {
        &self.0.job.kind
    }

    /// The queue it came from.
    pub fn queue(&self) -> &QueueName {
        &self.0.job.queue
    }

    /// The number of this attempt, from 1.
    pub fn attempt(&self) -> u32 {
        self.0.job.attempt
    }

    /// Whether a failure of this attempt is the last.
    pub fn is_last_attempt(&self) -> bool {
        self.0.job.attempt >= self.0.job.max_attempts
    }

    /// When the job was accepted.
    pub fn accepted_at(&self) -> Timestamp {
        self.0.job.accepted_at
    }

    /// How long ago the job was accepted, when this attempt was claimed.
    pub fn age(&self) -> Duration {
        self.0.job.claimed_at.since(self.0.job.accepted_at)
    }

    /// The trace the job belongs to, and within it this attempt, if it is recorded: for calls to
    /// others, and for what is enqueued.
    pub fn trace(&self) -> Option<&TraceContext> {
        let span = self.0.span.get().map(|(_, trace)| trace);
        span.or(self.0.job.trace.as_ref())
    }

    /// What is counted of jobs like this one.
    pub(crate) fn counted(&self) -> &OfJobs {
        &self.0.counted
    }

    /// Where this attempt stands in its trace, if it is recorded.
    pub(crate) fn place(&self) -> Option<&Place> {
        self.0.span.get().map(|(place, _)| place)
    }

    /// This attempt is recorded.
    pub(crate) fn is_recorded_as(&self, span: &Recording) {
        if let Some(trace) = span.trace() {
            // An attempt is begun once.
            self.0.span.get_or_init(|| (span.place().clone(), trace));
        }
    }

    /// Reads the args.
    ///
    /// # Errors
    /// `Invalid` that says where they do not fit.
    pub fn args<T: DeserializeOwned>(&self) -> Result<T, Invalid> {
        self.0.job.args.decode()
    }

    /// Reports how far the handler is: anything that has a JSON form. It is shown with the job
    /// within a second, and a later attempt finds it in [`Context::last_progress`]. Of several
    /// reports the last one wins; nothing waits for it to be kept.
    ///
    /// # Errors
    /// `Invalid` when it has no JSON form or is larger than [`MAX_PROGRESS`].
    pub fn progress<T: Serialize + ?Sized>(&self, progress: &T) -> Result<(), Invalid> {
        let bytes = serde_json::to_vec(progress)
            .map_err(|error| Invalid::new("progress", format!("has no JSON form: {error}")))?;
        if bytes.len() > MAX_PROGRESS {
            let why = format!("is {} bytes, more than {MAX_PROGRESS}", bytes.len());
            return Err(Invalid::new("progress", why));
        }
        self.report(|report| report.value = Some(bytes.into()));
        Ok(())
    }

    /// The progress that an earlier attempt, or an earlier run before a snooze, left behind.
    ///
    /// # Errors
    /// `Invalid` when it is not a `T`.
    pub fn last_progress<T: DeserializeOwned>(&self) -> Result<Option<T>, Invalid> {
        let read = |bytes: &Bytes| {
            serde_json::from_slice(bytes)
                .map_err(|error| Invalid::new("progress", format!("is of another form: {error}")))
        };
        self.0.job.progress.as_ref().map(read).transpose()
    }

    /// Enqueues other jobs. They join this job's trace unless they have their own.
    ///
    /// This is not one step with the end of this attempt: give the jobs ids that
    /// [`JobId::derive`] makes from this job's, and a repeated attempt enqueues nothing twice.
    ///
    /// # Errors
    /// As [`shared::store::JobStore::enqueue`].
    pub async fn enqueue(&self, mut jobs: Vec<NewJob>) -> store::Result<Vec<Enqueued>> {
        for job in &mut jobs {
            job.trace = job.trace.take().or_else(|| self.trace().cloned());
        }
        self.0.store.enqueue(jobs).await
    }

    /// The store, for handlers that look at other jobs.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.0.store
    }

    /// Why this attempt is to stop, if it is. A handler that waits need not ask: it is dropped
    /// where it waits. One that computes for long, or runs on a thread of its own, should ask.
    pub fn stop(&self) -> Option<&Stop> {
        self.0.stop.get()
    }

    /// Asks this attempt to stop; the first reason stays.
    pub(crate) fn ask_to_stop(&self, why: Stop) {
        if self.0.stop.set(why).is_ok() {
            self.0.stopped.notify_waiters();
        }
    }

    /// Completes when this attempt is to stop.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn stopped(&self) -> Stop {
        loop {
            // Listening starts before looking, so that a stop in between is not missed.
            let notified = self.0.stopped.notified();
            if let Some(why) = self.0.stop.get() {
                return why.clone();
            }
            notified.await;
        }
    }

    /// Changes the report; one that was on its way nowhere is now on its way to the store.
    fn report(&self, change: impl FnOnce(&mut Report)) {
        let mut report = self.0.report.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut report);
        if !std::mem::replace(&mut report.dirty, true) {
            drop(report);
            self.0.dirty.add(self.clone());
        }
    }

    /// The last report, to be carried by a heartbeat.
    pub(crate) fn take_progress(&self) -> Option<Bytes> {
        let mut report = self.0.report.lock().unwrap_or_else(PoisonError::into_inner);
        report.dirty = false;
        report.value.clone()
    }

    /// The heartbeat that should have carried the report failed.
    pub(crate) fn untake_progress(&self) {
        self.report(|_| ());
    }

    /// The last report of this attempt, to be kept with its end.
    pub(crate) fn final_progress(&self) -> Option<Bytes> {
        self.0
            .report
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .value
            .clone()
    }
}

/// What the handler said about its progress.
#[derive(Default)]
struct Report {
    value: Option<Bytes>,
    /// Whether it is in the list of those that the next heartbeat carries.
    dirty: bool,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let job = &self.0.job;
        write!(
            f,
            "Context({} {} attempt {})",
            job.kind, job.id, job.attempt
        )
    }
}
