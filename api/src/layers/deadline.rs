//! A request that takes too long is given up.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::time::Duration;
use tokio::time::timeout;

use crate::problem::{Problem, catalog};

/// When to come back after a request was given up, in seconds.
const COME_BACK: u32 = 2;

/// Gives a request up after `limit`. What it had asked of the store has then happened or not.
pub(crate) async fn deadline(
    State(limit): State<Duration>,
    request: Request,
    next: Next,
) -> Response {
    match timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(late) => Problem::new(&catalog::TIMED_OUT)
            .retry_after(COME_BACK)
            .caused_by(late)
            .into_response(),
    }
}
