//! Every request has an id, a span, and a line in the log.

use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, HeaderValue, header};
use shared::{
    job::TraceContext,
    telemetry::{
        fields,
        metrics::metrics,
        traces::{self, Kind, Recording},
    },
};
use std::time::Instant;
use tracing::Instrument;
use uuid::Uuid;

use crate::problem::REQUEST_ID;

/// Says in an answer where its request stands in a trace, if it is recorded
/// (<https://w3c.github.io/trace-context/#traceresponse-header>).
const TRACE_RESPONSE: &str = "traceresponse";

/// Longest id that is taken over from a caller, in bytes.
const MAX_ID: usize = 64;

/// Puts a span around the request and gives its answer the headers that all have.
pub(super) async fn observe(mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = taken_over(&request).unwrap_or_else(fresh);
    let method = request.method().clone();
    // The table's pattern, not the path: it says as much, and there are few of them.
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    let mut recording = record(&request, route);
    let trace = recording.as_ref().and_then(Recording::trace);
    if let Some(trace) = &trace {
        // From here on the request is the caller, of the jobs it enqueues above all.
        carry(request.headers_mut(), trace);
    }
    let trace = trace.or_else(|| caller(request.headers()));
    let span = tracing::info_span!(
        "request",
        { fields::REQUEST_ID } = id.to_str().unwrap_or_default(),
        { fields::HTTP_METHOD } = method.as_str(),
        { fields::HTTP_ROUTE } = route,
        { fields::TRACE_ID } = trace.as_ref().map(TraceContext::trace_id)
    );
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status().as_u16();
    let elapsed = started.elapsed();
    metrics().requested(&method, route, status, elapsed);
    let elapsed_ms = elapsed.as_secs_f64() * 1000.0;
    span.in_scope(|| {
        // A refusal is for whoever looks after a caller; a success is not worth a line each.
        if status < 400 {
            tracing::debug!(
                { fields::HTTP_STATUS } = status,
                { fields::ELAPSED_MS } = elapsed_ms,
                "{method} {route}: {status}"
            );
        } else {
            tracing::info!(
                { fields::HTTP_STATUS } = status,
                { fields::ELAPSED_MS } = elapsed_ms,
                "{method} {route}: {status}"
            );
        }
    });
    if let Some(recording) = &mut recording {
        recording.set("http.response.status_code", i64::from(status));
        if status >= 500 {
            recording.fail(status.to_string(), "");
        }
    }
    let headers = response.headers_mut();
    if let Some(trace) = recording.as_ref().and_then(Recording::trace)
        && let Ok(trace) = HeaderValue::from_str(trace.traceparent())
    {
        headers.insert(TRACE_RESPONSE, trace);
    }
    headers.insert(REQUEST_ID, id);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// The span of a request, if it is recorded. Probes are not: they say nothing, all day long.
fn record(request: &Request, route: &str) -> Option<Recording> {
    if matches!(route, "/healthz" | "/readyz" | "/metrics") || !traces::enabled() {
        return None;
    }
    let parent = caller(request.headers()).and_then(|trace| traces::read(&trace));
    let method = request.method();
    let name = || match route {
        "none" => method.to_string().into(),
        route => format!("{method} {route}").into(),
    };
    let mut span = Recording::begin(parent.as_ref(), Kind::Server, name)?;
    span.set("http.request.method", method.to_string());
    span.set("http.route", route.to_owned());
    span.set("url.path", request.uri().path().to_owned());
    span.set("url.scheme", "http");
    Some(span)
}

/// The trace that a caller is in. One that is malformed is passed over, as the recommendation
/// asks (<https://www.w3.org/TR/trace-context/>).
pub(crate) fn caller(headers: &HeaderMap) -> Option<TraceContext> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    TraceContext::new(text("traceparent")?, text("tracestate")).ok()
}

fn carry(headers: &mut HeaderMap, trace: &TraceContext) {
    for (name, value) in [
        ("traceparent", Some(trace.traceparent())),
        ("tracestate", trace.tracestate()),
    ] {
        headers.remove(name);
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            headers.insert(name, value);
        }
    }
}

/// The caller's own id, if it is one that may stand in a log.
fn taken_over(request: &Request) -> Option<HeaderValue> {
    let id = request.headers().get(REQUEST_ID)?;
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-_.:/=+".contains(b);
    let fine = (1..=MAX_ID).contains(&id.len()) && id.as_bytes().iter().all(plain);
    fine.then(|| id.clone())
}

fn fresh() -> HeaderValue {
    let id = Uuid::now_v7().to_string();
    HeaderValue::try_from(id).unwrap_or_else(|_| HeaderValue::from_static("none"))
}
