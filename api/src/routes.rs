//! The whole table of addresses on one screen.

mod dead_letters;
mod destinations;
mod filter;
mod health;
mod index;
mod jobs;
pub(crate) mod metrics;
mod pipelines;
mod problems;
mod queues;
mod schedules;
mod workers;

use axum::{
    Router,
    middleware::{from_fn, from_fn_with_state},
    routing::{get, post},
};
use http::{Method, Uri};
use serde::Serialize;
use std::{sync::Arc, time::Duration};

use crate::{
    layers::{deadline, no_query},
    problem::{Problem, catalog, quote},
    state::AppState,
};

/// What a request that waits may take beyond its wait.
const BESIDE_THE_WAIT: Duration = Duration::from_secs(5);

/// Every address, and who answers there.
pub(crate) fn table(app: &AppState) -> Router {
    let limit = app.settings.request_timeout;
    // Each of these judges its own query, or takes any, as probes like to send.
    let open = Router::new()
        .route("/", get(index::show))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/problems", get(problems::list))
        .route("/problems/{name}", get(problems::show))
        .route("/v1/jobs", get(jobs::list))
        .route("/v1/dead-letters", get(dead_letters::list))
        .merge(metrics::table(Arc::clone(&app.store)));
    let waiting = Router::new()
        .route("/v1/jobs/{id}", get(jobs::read))
        .route_layer(from_fn_with_state(limit + BESIDE_THE_WAIT, deadline));
    let plain = Router::new()
        .route("/v1/jobs", post(jobs::submit))
        .route("/v1/jobs/{id}/cancel", post(jobs::cancel))
        .route("/v1/jobs/{id}/retry", post(jobs::retry))
        .route("/v1/queues", get(queues::list))
        .route("/v1/queues/{name}", get(queues::read).patch(queues::change))
        .route("/v1/dead-letters/replay", post(dead_letters::replay))
        .route("/v1/pipelines", get(pipelines::list))
        .route("/v1/pipelines/{name}", get(pipelines::read))
        .route("/v1/pipelines/{name}/run", post(pipelines::run))
        .route("/v1/workers", get(workers::list))
        .route("/v1/schedules", get(schedules::list))
        .route("/v1/schedules/{name}/pause", post(schedules::pause))
        .route("/v1/schedules/{name}/resume", post(schedules::resume))
        .route("/v1/destinations", get(destinations::list))
        .route("/v1/destinations/{name}/enable", post(destinations::enable))
        .route(
            "/v1/destinations/{name}/publish",
            post(destinations::publish),
        )
        .route(
            "/v1/destinations/{name}/receipts/{id}",
            get(destinations::receipts),
        )
        .route_layer(from_fn(no_query));
    open.merge(plain)
        .route_layer(from_fn_with_state(limit, deadline))
        .merge(waiting)
        .fallback(no_such_address)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(app.clone())
}

async fn no_such_address(uri: Uri) -> Problem {
    Problem::with(
        &catalog::NO_SUCH_ADDRESS,
        format!("nothing is at {}", quote(uri.path())),
    )
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    Problem::with(
        &catalog::METHOD_NOT_ALLOWED,
        format!("{} does not take {method}", quote(uri.path())),
    )
}

/// Some of many, or all of few.
#[derive(Serialize)]
pub(crate) struct List<T> {
    /// The items.
    pub(crate) items: Vec<T>,
    /// The cursor of the next page; `null` when there is none.
    pub(crate) next: Option<String>,
}

impl<T> List<T> {
    /// All there are.
    pub(crate) fn all(items: impl IntoIterator<Item = T>) -> Self {
        Self {
            items: items.into_iter().collect(),
            next: None,
        }
    }
}
