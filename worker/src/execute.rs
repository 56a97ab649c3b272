//! One attempt: its span, its deadline, its stop, and the verdict.

use shared::job::{
    Outcome,
    attempt::{ErrorKind, Failure},
};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;
use tracing::Instrument;

use crate::{
    Context,
    context::Stop,
    engine::{Engine, Verdict},
};

/// Runs one attempt to its end. The handler's future is dropped where it waits when its time is
/// over or it is asked to stop; what a handler computes without waiting cannot be interrupted.
///
/// A panic of the handler passes through: the task that runs this ends with it, and
/// [`panicked`] is the verdict.
pub(crate) async fn attempt(engine: Arc<Engine>, ctx: Context) -> Verdict {
    let job = ctx.job();
    let span = tracing::info_span!(
        "attempt",
        job.id = %job.id,
        job.kind = %job.kind,
        attempt = job.attempt,
        trace_id = job.trace.as_ref().map(shared::job::TraceContext::trace_id),
    );
    run(&engine, &ctx).instrument(span).await
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
    engine.observe(started.elapsed(), ctx.job().args.bytes().len());
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
