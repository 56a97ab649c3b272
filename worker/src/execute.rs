//! One attempt: its span, its deadline, its stop, and the verdict.

use shared::{
    job::{
        Outcome, TraceContext,
        attempt::{ErrorKind, Failure},
    },
    telemetry::traces::{self, Place, Recording},
};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;
use tracing::Instrument;

use crate::{
    Context,
    context::Stop,
    engine::{Engine, Verdict},
};

/// How long the store may take to tell where the attempt before stands in the trace.
const LOOK: Duration = Duration::from_secs(1);

/// Runs one attempt to its end. The handler's future is dropped where it waits when its time is
/// over or it is asked to stop; what a handler computes without waiting cannot be interrupted.
///
/// A panic of the handler passes through: the task that runs this ends with it, and
/// [`panicked`] is the verdict.
pub(crate) async fn attempt(engine: Arc<Engine>, ctx: Context) -> Verdict {
    let job = ctx.job();
    let mut recording = traces::jobs::process(job, &engine.settings.name);
    let mut before = None;
    if let Some(recording) = &recording {
        ctx.is_recorded_as(recording);
        if traces::jobs::was_tried(job) {
            let looking = attempt_before(Arc::clone(&engine), ctx.clone());
            before = Some(engine.attempts.spawn(looking));
        }
    }
    let span = tracing::info_span!(
        "attempt",
        job.id = %job.id,
        job.kind = %job.kind,
        attempt = job.attempt,
        trace_id = ctx.trace().map(TraceContext::trace_id),
    );
    let running = traces::within(ctx.place(), run(&engine, &ctx));
    let verdict = running.instrument(span).await;
    if let Some(recording) = &mut recording {
        if let Some(before) = before
            && let Ok(Some(place)) = before.await
        {
            recording.link(place);
        }
        tell(recording, &verdict);
    }
    verdict
}

/// Where the attempt before this one stands, if it was recorded. The store is asked while the
/// handler runs.
async fn attempt_before(engine: Arc<Engine>, ctx: Context) -> Option<Place> {
    let found = timeout(LOOK, engine.store.get(vec![ctx.id()])).await;
    let job = found.ok()?.ok()?.pop()??;
    traces::jobs::last_attempt(ctx.id(), ctx.job().trace.as_ref(), &job.errors)
}

/// Says in the span how the attempt ended.
fn tell(recording: &mut Recording, verdict: &Verdict) {
    recording.set("windlass.job.outcome", verdict.word());
    let failure = match verdict {
        Verdict::Outcome(
            Outcome::Retry(failure) | Outcome::RetryAfter(_, failure) | Outcome::Discard(failure),
        ) => Some(failure),
        _ => None,
    };
    if let Some(failure) = failure {
        recording.fail(failure.kind.as_str(), &failure.message);
    }
}

async fn run(engine: &Engine, ctx: &Context) -> Verdict {
    let Some(handler) = engine.registry.get(ctx.kind()) else {
        return Verdict::Outcome(engine.registry.unknown(ctx, rand::random()));
    };
    // A stop may have come while the job waited to be started.
    if let Some(why) = ctx.stop() {
        return stopped(why.clone());
    }
    let started = std::time::Instant::now();
    let limit = ctx.job().timeout.unwrap_or(engine.retry.load().job_timeout);
    let verdict = tokio::select! {
        biased;
        outcome = timeout(limit, handler.run(ctx.clone())) => {
            Verdict::Outcome(outcome.unwrap_or_else(|_| timed_out(limit)))
        }
        why = ctx.stopped() => stopped(why),
    };
    let took = started.elapsed();
    ctx.counted().run.observe(took.as_secs_f64());
    engine.observe(took, ctx.job().args.bytes().len());
    verdict
}

fn stopped(why: Stop) -> Verdict {
    match why {
        Stop::Cancelled(reason) => {
            Verdict::Outcome(Outcome::Cancel(Failure::new(ErrorKind::Cancelled, reason)))
        }
        Stop::HandedBack => Verdict::HandedBack,
        Stop::LeaseLost => Verdict::Abandoned,
    }
}

fn timed_out(limit: Duration) -> Outcome {
    let message = format!("did not finish within {limit:?}");
    Outcome::Retry(Failure::new(ErrorKind::TimedOut, message))
}

/// The verdict on an attempt whose handler panicked with `payload`.
pub(crate) fn panicked(payload: &(dyn std::any::Any + Send)) -> Verdict {
    let message = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a value that is no text".to_owned());
    let failure = Failure::new(ErrorKind::Panicked, format!("panicked: {message}"));
    Verdict::Outcome(Outcome::Retry(failure))
}
