//! The engine: claims, keeps the lease, settles. Handlers and apalis stand on it.
//!
//! ```text
//!  store --claim--> inbox --apalis--> attempt --verdict--> outbox --settle--> store
//!            ^                           ^
//!          room                    stop (cancel, lease lost, patience over)
//! ```
//!
//! Four loops share this structure: [`claim`] fills the inbox, [`settle`] empties the outbox,
//! [`heartbeat`] keeps the lease and carries progress and stops, [`listen`] hears hints. None of
//! them ends because the store is away: they try again, with backoff, for ever. [`drain`] ends
//! them in order.
//!
//! **Self-fencing.** The lease is trusted from the moment a renewal was *sent*, by this process's
//! monotonic clock. Half a lease after that the inbox closes: nothing is started any more. A whole
//! lease after that the attempts are stopped, because somebody else may run their jobs already.
//! What they had done by then is at-least-once; what they would report is fenced by the store.

mod claim;
mod drain;
mod heartbeat;
mod inbox;
mod listen;
mod outbox;
mod pace;
mod queues;
mod running;
mod settle;

use arc_swap::ArcSwap;
use shared::{
    job::TraceContext,
    job::outcome::{Ending, Outcome, conclude},
    lease::WorkerId,
    shutdown::{Shutdown, Tasks},
    store::{self, Settle, Store},
    telemetry::metrics::metrics,
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, watch},
    time::error::Elapsed,
};
use tokio_util::sync::CancellationToken;

pub(crate) use inbox::Inbox;
pub(crate) use running::Dirty;

use crate::{
    Context, Registry, alone,
    context::Stop,
    engine::{outbox::Outbox, pace::Pace, running::Running},
    runtime,
    settings::{RetryPolicy, Settings},
};

/// One registration of this process: an id and the number of its next claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Registration {
    pub(crate) worker: WorkerId,
}

/// How an attempt ended, as the runtime saw it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    /// The handler, or what stands in for it, decided.
    Outcome(Outcome),
    /// It is handed back, attempt not counted.
    HandedBack,
    /// Its lease is lost: there is nothing to say.
    Abandoned,
}

impl Verdict {
    /// One word for it, of those that metrics and traces use.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::HandedBack => "handed_back",
            Self::Abandoned => "lease_lost",
            Self::Outcome(outcome) => match outcome {
                Outcome::Done(_) => "done",
                Outcome::Retry(_) | Outcome::RetryAfter(..) => "retry",
                Outcome::Snooze(_) | Outcome::SnoozeBecause(..) => "snooze",
                Outcome::Cancel(_) => "cancel",
                Outcome::Discard(_) => "discard",
            },
        }
    }
}

fn held(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// What the loops, the runtime and the attempts share.
pub(crate) struct Engine {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) settings: Settings,
    pub(crate) registry: Registry,
    pub(crate) retry: Arc<ArcSwap<RetryPolicy>>,
    /// Claimed and not started.
    pub(crate) inbox: Inbox,
    /// The attempts' own tasks.
    pub(crate) attempts: Tasks,
    /// Claimed and not finished: the inbox and what runs.
    running: Running,
    /// Finished and not settled.
    outbox: Outbox,
    pace: Mutex<Pace>,
    dirty: Arc<Dirty>,
    /// Who this process is to the store; `None` while it is nobody.
    registration: watch::Sender<Option<Registration>>,
    /// Something finished, so more may be claimed.
    room: Notify,
    /// There may be work.
    work: Notify,
    /// Somebody may want attempts stopped.
    cancels: Notify,
    /// The store said that the lease of this worker is gone. It may be one that was given up
    /// since: whoever hears it compares.
    lost: watch::Sender<Option<WorkerId>>,
    /// The queues that are known.
    queues: queues::Queues,
    /// There may be others.
    queues_changed: Notify,
    /// Cancelled when everything is settled and the registration has ended.
    pub(crate) closed: CancellationToken,
}

impl Engine {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        settings: Settings,
        registry: Registry,
        retry: Arc<ArcSwap<RetryPolicy>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            store,
            settings,
            registry,
            retry,
            inbox: Inbox::default(),
            attempts: Tasks::new(),
            running: Running::default(),
            outbox: Outbox::default(),
            pace: Mutex::default(),
            dirty: Arc::default(),
            registration: watch::Sender::new(None),
            room: Notify::new(),
            work: Notify::new(),
            cancels: Notify::new(),
            lost: watch::Sender::new(None),
            queues: queues::Queues::default(),
            queues_changed: Notify::new(),
            closed: CancellationToken::new(),
        })
    }

    /// Works until the shutdown has drained, or is aborted.
    pub(crate) async fn run(self: Arc<Self>, shutdown: &Shutdown) {
        metrics().slots.set(held(self.settings.concurrency));
        let loops = Tasks::new();
        loops.spawn(claim::run(Arc::clone(&self), shutdown.clone()));
        loops.spawn(settle::run(Arc::clone(&self)));
        loops.spawn(heartbeat::run(Arc::clone(&self)));
        loops.spawn(listen::run(Arc::clone(&self)));
        if let Some(retention) = self.settings.alone {
            let (store, closed) = (Arc::clone(&self.store), self.closed.clone());
            loops.spawn(alone::run(store, retention, closed));
        }
        let handlers = loops.spawn(runtime::run(Arc::clone(&self), shutdown.clone()));
        tokio::select! {
            () = drain::run(&self, shutdown) => {}
            () = shutdown.aborted() => {}
        }
        self.closed.cancel();
        if shutdown.is_aborted() {
            return;
        }
        // A handler that computes without ever waiting cannot be stopped, and would keep the
        // runtime's future open for ever: its job was handed back, so nothing waits for it.
        if tokio::time::timeout(drain::UNSTOPPABLE, handlers)
            .await
            .is_err()
        {
            tracing::warn!("a handler did not stop when asked; its job was handed back");
        }
    }

    /// Makes a call to the store, but does not wait for its answer for ever: after half a lease no
    /// answer would be worth anything.
    async fn call<T>(&self, call: impl Future<Output = store::Result<T>>) -> store::Result<T> {
        in_time(self.settings.lease / 2, call).await
    }

    /// Whether this is who this process is to the store.
    fn is(&self, worker: WorkerId) -> bool {
        self.registration
            .borrow()
            .is_some_and(|registration| registration.worker == worker)
    }

    /// Takes in what `worker` claimed. If the answer came so late that its lease was given up
    /// meanwhile, the jobs are left to be rescued.
    fn accept(&self, worker: WorkerId, jobs: Vec<shared::job::ClaimedJob>) {
        if !self.is(worker) {
            return;
        }
        let contexts: Vec<Context> = jobs
            .into_iter()
            .map(|job| Context::new(job, Arc::clone(&self.store), Arc::clone(&self.dirty)))
            .collect();
        for ctx in &contexts {
            let (counted, job) = (ctx.counted(), ctx.job());
            counted.claimed.inc();
            let waited = job.claimed_at.since(job.available_at);
            counted.wait.observe(waited.as_secs_f64());
        }
        metrics().slots_busy.inc_by(held(contexts.len()));
        self.running.insert(&contexts);
        if let Err(closed) = self.inbox.push(contexts) {
            for ctx in closed {
                self.finish(&ctx, Verdict::HandedBack);
            }
        }
    }

    /// Takes the end of an attempt: what becomes of it goes to the outbox, its place is free.
    pub(crate) fn finish(&self, ctx: &Context, verdict: Verdict) {
        let job = ctx.job();
        self.running.remove(&job.token);
        metrics().slots_busy.dec();
        ctx.counted().ended(verdict.word());
        let ending = match verdict {
            Verdict::Outcome(outcome) => {
                let retry = self.retry.load();
                let backoff = job.backoff.as_ref().unwrap_or_else(|| retry.of(&job.kind));
                let random = match outcome {
                    Outcome::Done(_) => 0.0,
                    _ => rand::random(),
                };
                Some(conclude(
                    outcome,
                    job.attempt,
                    job.max_attempts,
                    backoff,
                    random,
                ))
            }
            Verdict::HandedBack => Some(Ending::Release),
            Verdict::Abandoned => None,
        };
        if let Some(mut ending) = ending {
            if let (Some(failure), Some(place)) = (ending.failure_mut(), ctx.place()) {
                failure.span_id = Some(place.span_id().to_string().into());
            }
            log_ending(ctx, &ending);
            let (id, token, progress) = (job.id, job.token, ctx.final_progress());
            let settle = Settle {
                id,
                token,
                ending,
                progress,
            };
            self.outbox.push(settle, ctx.place());
        }
        self.room.notify_one();
        if self.running.is_empty() {
            self.outbox.hurry();
        }
    }

    /// Notes how long an attempt took.
    pub(crate) fn observe(&self, took: Duration, args_bytes: usize) {
        self.pace
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .observe(took, args_bytes);
    }

    /// How many jobs may be held beyond those that run.
    fn prefetch(&self) -> usize {
        let pace = *self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.prefetch(self.settings.concurrency)
    }

    /// Stops every attempt, and forgets what was not started.
    fn abandon(&self) {
        for ctx in self.inbox.take() {
            self.finish(&ctx, Verdict::Abandoned);
        }
        self.running.stop_all(&Stop::LeaseLost);
    }
}

/// Waits for a call to the store for so long; an answer that comes later is lost, and whoever
/// called does so again.
pub(crate) async fn in_time<T>(
    limit: Duration,
    call: impl Future<Output = store::Result<T>>,
) -> store::Result<T> {
    let late = |source: Elapsed| {
        Err(store::Error::Unavailable {
            maybe_applied: true,
            source: source.into(),
        })
    };
    tokio::time::timeout(limit, call).await.unwrap_or_else(late)
}

/// Says what became of an attempt: quietly when it went well.
fn log_ending(ctx: &Context, ending: &Ending) {
    let job = ctx.job();
    let (kind, id, attempt) = (&job.kind, job.id, job.attempt);
    let trace_id = ctx.trace().map(TraceContext::trace_id);
    match ending {
        Ending::Complete { .. } => {
            tracing::debug!(job.id = %id, job.kind = %kind, attempt, trace_id, "completed {kind} {id}");
        }
        Ending::Retry { wait, failure } => {
            let (error, wait_ms) = (&failure.message, wait.as_millis());
            tracing::info!(
                job.id = %id, job.kind = %kind, attempt, trace_id, wait_ms,
                "attempt {attempt} of {} of {kind} {id} failed, next in {wait_ms} ms: {error}",
                job.max_attempts,
            );
        }
        Ending::Discard { failure } => {
            let error = &failure.message;
            tracing::warn!(
                job.id = %id, job.kind = %kind, attempt, trace_id,
                "{kind} {id} is a dead letter after {attempt} attempts: {error}",
            );
        }
        Ending::Cancel { failure } => {
            let reason = &failure.message;
            tracing::info!(job.id = %id, job.kind = %kind, trace_id, "cancelled {kind} {id}: {reason}");
        }
        Ending::Snooze {
            wait,
            failure: Some(failure),
        } => {
            let (reason, wait_ms) = (&failure.message, wait.as_millis());
            tracing::info!(
                job.id = %id, job.kind = %kind, trace_id, wait_ms,
                "{kind} {id} is put off for {wait_ms} ms: {reason}",
            );
        }
        Ending::Snooze { failure: None, .. } | Ending::Release => {
            tracing::debug!(job.id = %id, job.kind = %kind, trace_id, "{kind} {id} is put back");
        }
    }
}
