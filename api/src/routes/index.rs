//! `GET /`: where to begin.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use serde::Serialize;

/// What this is, and where its parts are.
#[derive(Serialize)]
struct Index {
    name: &'static str,
    version: &'static str,
    links: &'static [&'static str],
}

const INDEX: Index = Index {
    name: "windlass",
    version: env!("CARGO_PKG_VERSION"),
    links: &[
        "/v1/jobs",
        "/v1/queues",
        "/v1/dead-letters",
        "/v1/pipelines",
        "/v1/schedules",
        "/v1/destinations",
        "/v1/workers",
        "/v1/autoscale",
        "/problems",
        "/healthz",
        "/readyz",
        "/metrics",
    ],
};

/// `GET /`
pub(super) async fn show() -> Response {
    Json(INDEX).into_response()
}
