//! Every request has an id, a span, and a line in the log.

use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};
use http::{HeaderValue, header};
use shared::telemetry::fields;
use std::time::Instant;
use tracing::Instrument;
use uuid::Uuid;

use crate::problem::REQUEST_ID;

/// Longest id that is taken over from a caller, in bytes.
const MAX_ID: usize = 64;

/// Puts a span around the request and gives its answer the headers that all have.
pub(super) async fn observe(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = taken_over(&request).unwrap_or_else(fresh);
    let method = request.method().clone();
    // The table's pattern, not the path: it says as much, and there are few of them.
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    let span = tracing::info_span!(
        "request",
        { fields::REQUEST_ID } = id.to_str().unwrap_or_default(),
        { fields::HTTP_METHOD } = method.as_str(),
        { fields::HTTP_ROUTE } = route
    );
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status().as_u16();
    let elapsed_ms = started.elapsed().as_secs_f64() * 1000.0;
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
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
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
