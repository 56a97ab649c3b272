//! Traces: what one request, tick or job set off, across processes, for a collector that speaks
//! OTLP.
//!
//! A span is decided about before anything is made for it: [`Recording::begin`] answers `None` for
//! one that is not to be recorded, having allocated nothing. So a process without a collector, and
//! a job that was not chosen, cost a comparison. What is recorded is given to a bounded queue when
//! it ends; a thread of its own exports it. When that thread cannot keep up, or nobody answers it,
//! spans are lost and nothing else happens.
//!
//! The spans are made here and not by `tracing`: a wait in a queue began in another process, and
//! an attempt must name the one before it. The spans that handlers make with `tracing` join the
//! attempt they are made in ([`within`]).
//!
//! | span | kind | hangs on |
//! |---|---|---|
//! | `POST /v1/jobs` | server | what the caller's `traceparent` names |
//! | `tick NAME` | internal | nothing: a tick begins a trace |
//! | `send QUEUE` | producer | the request, the tick, or the attempt that enqueues |
//! | `wait QUEUE` | internal | the `send` of its job |
//! | `process QUEUE` | consumer | the `send` of its job; linked to the attempt before |
//! | `GET` | client | the attempt that calls |
//! | `receive QUEUE`, `settle` | client | nothing; linked to every recorded job of the batch |
//!
//! A job that was enqueued without a trace gets one when an attempt of it is chosen: its id follows
//! from the job's, so that all attempts are found together.

pub(super) mod export;
pub mod jobs;
mod sampler;

use opentelemetry::{
    Context as OtelContext, InstrumentationScope, KeyValue,
    trace::{
        Link, SpanContext, SpanId, Status, TraceContextExt as _, TraceFlags, TraceId, TraceState,
    },
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks, SpanProcessor};
use std::{
    borrow::Cow,
    future::poll_fn,
    pin::pin,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

pub use export::{FLUSH, Unusable};
pub use opentelemetry::trace::{SpanContext as Place, SpanKind as Kind};

use crate::{
    clock::{Clock, Timestamp},
    job::TraceContext,
};
use sampler::Sampler;

/// Most links of one span: what collectors take without cutting.
pub const MAX_LINKS: usize = 128;

/// Longest text of a status, in bytes: an error is kept whole with its job.
const MAX_STATUS: usize = 1024;

/// What records spans in this process, if anything does.
static TRACER: OnceLock<Tracer> = OnceLock::new();

struct Tracer {
    processor: Arc<dyn SpanProcessor>,
    sampler: Sampler,
    scope: InstrumentationScope,
    clock: Clock,
}

/// Whether any span may be recorded in this process.
pub fn enabled() -> bool {
    TRACER.get().is_some()
}

/// A span that is being recorded. It ends when this is dropped; in a panic it has failed.
#[derive(Debug)]
pub struct Recording(Box<SpanData>);

impl Recording {
    /// Begins a span below `parent`, or a trace where there is none; `None` when it is not to be
    /// recorded.
    pub fn begin(
        parent: Option<&Place>,
        kind: Kind,
        name: impl FnOnce() -> Cow<'static, str>,
    ) -> Option<Self> {
        Self::begin_in(parent, new_trace, kind, name)
    }

    /// As [`Self::begin`]; a trace that begins here has the id that `id` makes.
    fn begin_in(
        parent: Option<&Place>,
        id: impl FnOnce() -> TraceId,
        kind: Kind,
        name: impl FnOnce() -> Cow<'static, str>,
    ) -> Option<Self> {
        let tracer = TRACER.get()?;
        let trace_id = parent.map_or_else(id, SpanContext::trace_id);
        tracer
            .sampler
            .wants(parent, trace_id)
            .then(|| Self::new(tracer, parent, trace_id, kind, name()))
    }

    /// A span below one that is recorded, and of which was decided that it is too.
    fn decided(parent: &Place, kind: Kind, name: Cow<'static, str>) -> Option<Self> {
        let tracer = TRACER.get()?;
        Some(Self::new(
            tracer,
            Some(parent),
            parent.trace_id(),
            kind,
            name,
        ))
    }

    /// A span below this one.
    fn below(&self, kind: Kind, name: Cow<'static, str>) -> Option<Self> {
        Self::decided(self.place(), kind, name)
    }

    fn new(
        tracer: &Tracer,
        parent: Option<&Place>,
        trace_id: TraceId,
        kind: Kind,
        name: Cow<'static, str>,
    ) -> Self {
        let now = instant(tracer.clock.now());
        let state = parent.map(|parent| parent.trace_state().clone());
        Self(Box::new(SpanData {
            span_context: SpanContext::new(
                trace_id,
                new_span(),
                TraceFlags::SAMPLED,
                false,
                state.unwrap_or_default(),
            ),
            parent_span_id: parent.map_or(SpanId::INVALID, SpanContext::span_id),
            parent_span_is_remote: parent.is_some_and(SpanContext::is_remote),
            span_kind: kind,
            name,
            start_time: now,
            end_time: UNIX_EPOCH,
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: tracer.scope.clone(),
        }))
    }

    /// Says something about it.
    pub fn set(&mut self, name: &'static str, value: impl Into<opentelemetry::Value>) -> &mut Self {
        self.0.attributes.push(KeyValue::new(name, value));
        self
    }

    /// Links it to another span; beyond [`MAX_LINKS`] links are only counted.
    pub fn link(&mut self, to: Place) -> &mut Self {
        let links = &mut self.0.links;
        if links.links.len() < MAX_LINKS {
            links.links.push(Link::with_context(to));
        } else {
            links.dropped_count += 1;
        }
        self
    }

    /// It failed: a word for what kind of failure it was, of which there are few, and a message.
    pub fn fail(&mut self, kind: impl Into<opentelemetry::Value>, message: &str) -> &mut Self {
        self.set("error.type", kind);
        let message = crate::job::attempt::shorten(message.to_owned(), MAX_STATUS);
        self.0.status = Status::error(String::from(message));
        self
    }

    /// It began before this was called.
    pub fn began_at(&mut self, at: SystemTime) -> &mut Self {
        self.0.start_time = at;
        self
    }

    /// It began and ended by the store's clock.
    fn lasted(&mut self, from: Timestamp, to: Timestamp) {
        self.0.start_time = instant(from);
        self.0.end_time = instant(to).max(self.0.start_time);
    }

    /// Where it stands, for links and for spans below it in this process.
    pub fn place(&self) -> &Place {
        &self.0.span_context
    }

    /// Where it stands, for whatever follows from it elsewhere.
    pub fn trace(&self) -> Option<TraceContext> {
        written(&self.0.span_context)
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let Some(tracer) = TRACER.get() else { return };
        if std::thread::panicking() {
            self.fail("panicked", "panicked");
        }
        if self.0.end_time == UNIX_EPOCH {
            self.0.end_time = instant(tracer.clock.now()).max(self.0.start_time);
        }
        tracer.processor.on_end((*self.0).clone());
    }
}

/// The time for [`Recording::began_at`]; `None` where nothing is recorded.
pub fn now() -> Option<SystemTime> {
    TRACER.get().map(|tracer| instant(tracer.clock.now()))
}

/// Runs a future so that the spans that `tracing` makes in it hang on `place`.
pub async fn within<F: Future>(place: Option<&Place>, future: F) -> F::Output {
    let context = place.map(|place| OtelContext::new().with_remote_span_context(place.clone()));
    let mut future = pin!(future);
    poll_fn(|cx| {
        let _within = context.clone().map(OtelContext::attach);
        future.as_mut().poll(cx)
    })
    .await
}

/// Where a trace context that was carried here stands.
pub fn read(trace: &TraceContext) -> Option<Place> {
    let mut parts = trace.traceparent().split('-').skip(1);
    let trace_id = TraceId::from_hex(parts.next()?).ok()?;
    let span_id = SpanId::from_hex(parts.next()?).ok()?;
    let flags = u8::from_str_radix(parts.next()?, 16).ok()?;
    let state = trace.tracestate().and_then(|state| state.parse().ok());
    let state: TraceState = state.unwrap_or_default();
    Some(SpanContext::new(
        trace_id,
        span_id,
        TraceFlags::new(flags),
        true,
        state,
    ))
}

fn written(place: &Place) -> Option<TraceContext> {
    let (trace, span) = (place.trace_id(), place.span_id());
    let flags = place.trace_flags().to_u8();
    let state = place.trace_state().header();
    let state = Some(state.as_str()).filter(|state| !state.is_empty());
    TraceContext::new(&format!("00-{trace}-{span}-{flags:02x}"), state).ok()
}

fn new_trace() -> TraceId {
    TraceId::from(rand::random::<u128>().max(1))
}

fn new_span() -> SpanId {
    SpanId::from(rand::random::<u64>().max(1))
}

fn instant(at: Timestamp) -> SystemTime {
    let micros = u64::try_from(at.as_micros()).unwrap_or(0);
    UNIX_EPOCH + Duration::from_micros(micros)
}

#[cfg(test)]
mod tests;
