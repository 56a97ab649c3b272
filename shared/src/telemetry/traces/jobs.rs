//! The spans around jobs, with the names and attributes of OpenTelemetry's conventions for
//! messaging (1.44).

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use std::borrow::Cow;

use super::{Kind, Place, Recording, read, written};
use crate::{
    job::{ClaimedJob, JobDetail, JobId, NewJob, QueueName, TraceContext, attempt::AttemptError},
    store::{RecordTick, Replay, TickDecision},
};

/// Of jobs that are enqueued together, so many are recorded when a caller's trace is.
const MOST_OF_A_TRACE: usize = 256;

/// And so many when the trace begins with them: a batch counts once for a sampler that allows so
/// many a second.
const MOST_OF_A_BATCH: usize = 10;

/// Begins the span of an enqueue, and puts the jobs below it; `None` when it is not recorded.
pub fn send(jobs: &mut [NewJob]) -> Option<Recording> {
    if !super::enabled() {
        return None;
    }
    let first = jobs.first()?;
    let carried = first.trace.clone();
    let parent = carried.as_ref().and_then(read);
    let one_queue = jobs.iter().all(|job| job.queue == first.queue);
    let queue = one_queue.then(|| first.queue.clone());
    let mut span = Recording::begin(parent.as_ref(), Kind::Producer, || {
        queue
            .as_ref()
            .map_or("send".into(), |queue| named("send", queue))
    })?;
    describe(&mut span, "send", "send", queue.as_ref());
    if let [job] = jobs {
        span.set("messaging.message.id", job.id.to_string());
        span.set(KIND, job.kind.to_string());
    } else {
        span.set("messaging.batch.message_count", count(jobs.len()));
    }
    let (here, beyond) = (span.trace(), carried.as_ref().and_then(not_recorded));
    let most = match carried {
        Some(_) => MOST_OF_A_TRACE,
        None => MOST_OF_A_BATCH,
    };
    let joined = jobs.iter_mut().filter(|job| job.trace == carried);
    for (index, job) in joined.enumerate() {
        let trace = if index < most { &here } else { &beyond };
        job.trace.clone_from(trace);
    }
    Some(span)
}

/// The spans of a tick and of the enqueue of its job, which is put below them.
pub fn tick(params: &mut RecordTick) -> Option<(Recording, Recording)> {
    let TickDecision::Fire(job) = &mut params.decision else {
        return None;
    };
    let schedule = &params.schedule;
    let mut tick = Recording::begin(None, Kind::Internal, || format!("tick {schedule}").into())?;
    tick.set("windlass.schedule", schedule.to_string());
    tick.set("windlass.tick", params.at.to_string());
    let mut send = tick.below(Kind::Producer, named("send", &job.queue))?;
    describe(&mut send, "send", "send", Some(&job.queue));
    send.set("messaging.message.id", job.id.to_string());
    send.set(KIND, job.kind.to_string());
    job.trace = send.trace();
    Some((tick, send))
}

/// Begins the span of a replay's enqueue and puts the new run below it. Say with
/// [`of_dead_letter`] what it replays.
pub fn replay(replay: &mut Replay) -> Option<Recording> {
    let parent = replay.trace.as_ref().and_then(read);
    let mut span = Recording::begin(parent.as_ref(), Kind::Producer, || "send".into())?;
    describe(&mut span, "send", "send", None);
    span.set("messaging.message.id", replay.new.to_string());
    span.set("windlass.job.replay_of", replay.dead.to_string());
    replay.trace = span.trace();
    Some(span)
}

/// Links the enqueue of a replay to the last attempt of the dead letter, or to its trace.
pub fn of_dead_letter(span: &mut Recording, dead: &JobDetail) {
    span.0.name = named("send", &dead.summary.queue);
    span.set(QUEUE, dead.summary.queue.to_string());
    span.set(KIND, dead.summary.kind.to_string());
    let origin = dead.trace.as_ref().and_then(read);
    let last = last_attempt(dead.summary.id, dead.trace.as_ref(), &dead.errors);
    if let Some(place) = last.or(origin) {
        span.link(place);
    }
}

/// Begins the span of an attempt, and records the wait before it; `None` when neither is recorded.
pub fn process(job: &ClaimedJob, worker: &str) -> Option<Recording> {
    if !super::enabled() {
        return None;
    }
    let parent = job.trace.as_ref().and_then(read);
    let mut wait = Recording::begin_in(
        parent.as_ref(),
        || id(job.id),
        Kind::Internal,
        || named("wait", &job.queue),
    )?;
    wait.lasted(job.available_at, job.claimed_at);
    describe_job(&mut wait, job);
    let name = named("process", &job.queue);
    let mut span = match &parent {
        Some(parent) => Recording::decided(parent, Kind::Consumer, name),
        None => wait.below(Kind::Consumer, name),
    }?;
    describe(&mut span, "process", "process", Some(&job.queue));
    describe_job(&mut span, job);
    span.set("messaging.client.id", worker.to_owned());
    span.set("windlass.job.max_attempts", i64::from(job.max_attempts));
    Some(span)
}

/// Whether the attempt before may have left a span to link to.
pub fn was_tried(job: &ClaimedJob) -> bool {
    job.attempt > 1
}

/// Where the newest failed attempt of a job stands, if it was recorded.
pub fn last_attempt(
    job: JobId,
    trace: Option<&TraceContext>,
    errors: &[AttemptError],
) -> Option<Place> {
    let span = errors.last()?.failure.span_id.as_deref()?;
    let span_id = SpanId::from_hex(span).ok()?;
    let origin = trace.and_then(read);
    let trace_id = origin.map_or_else(|| id(job), |place| place.trace_id());
    let (flags, state) = (TraceFlags::SAMPLED, TraceState::default());
    Some(SpanContext::new(trace_id, span_id, flags, true, state))
}

/// The trace that a job is in: the one it was enqueued with, or else the one that begins with its
/// first recorded attempt, in a process that records.
pub fn trace_id(job: JobId, trace: Option<&TraceContext>) -> Option<String> {
    match trace {
        Some(trace) => Some(trace.trace_id().to_owned()),
        None => super::enabled().then(|| id(job).to_string()),
    }
}

/// The span of a batch that was taken from the queues or is brought back: it began at `began`,
/// stands by itself, and is linked to every job of it that is recorded. `None` when none is.
pub fn batch(
    operation: &'static str,
    kind: &'static str,
    began: Option<std::time::SystemTime>,
    count_of_all: usize,
    recorded: impl Iterator<Item = Place>,
) -> Option<Recording> {
    if !super::enabled() {
        return None;
    }
    let mut recorded = recorded.peekable();
    recorded.peek()?;
    let mut span = Recording::begin(None, Kind::Client, || operation.into())?;
    describe(&mut span, operation, kind, None);
    span.set("messaging.batch.message_count", count(count_of_all));
    if let Some(began) = began {
        span.began_at(began);
    }
    for place in recorded {
        span.link(place);
    }
    Some(span)
}

/// Where a job that was claimed stands, if its trace is recorded.
pub fn recorded(job: &ClaimedJob) -> Option<Place> {
    let place = read(job.trace.as_ref()?)?;
    place.is_sampled().then_some(place)
}

const QUEUE: &str = "messaging.destination.name";
const KIND: &str = "windlass.job.kind";

fn named(operation: &str, queue: &QueueName) -> Cow<'static, str> {
    format!("{operation} {queue}").into()
}

fn describe(
    span: &mut Recording,
    operation: &'static str,
    kind: &'static str,
    queue: Option<&QueueName>,
) {
    span.set("messaging.system", "windlass");
    span.set("messaging.operation.name", operation);
    span.set("messaging.operation.type", kind);
    if let Some(queue) = queue {
        span.set(QUEUE, queue.to_string());
    }
}

fn describe_job(span: &mut Recording, job: &ClaimedJob) {
    span.set("messaging.message.id", job.id.to_string());
    span.set(KIND, job.kind.to_string());
    span.set("windlass.job.attempt", i64::from(job.attempt));
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The same trace for jobs that are not recorded.
fn not_recorded(trace: &TraceContext) -> Option<TraceContext> {
    let place = read(trace)?;
    let flags = TraceFlags::NOT_SAMPLED;
    written(&SpanContext::new(
        place.trace_id(),
        place.span_id(),
        flags,
        true,
        place.trace_state().clone(),
    ))
}

/// The trace of a job that was enqueued without one. Its lower half is stirred, because samplers
/// take it for random, and a job's id has fixed bits there.
fn id(job: JobId) -> TraceId {
    let whole = u128::from_be_bytes(*job.as_bytes());
    let low = stir(u64::try_from(whole & u128::from(u64::MAX)).unwrap_or(u64::MAX));
    TraceId::from((whole >> 64 << 64) | u128::from(low))
}

/// The finish of `SplitMix64` (Steele, Lea and Flood 2014): no two numbers come out the same.
fn stir(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
