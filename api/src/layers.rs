//! What stands around every handler, and why in this order.
//!
//! From the outside in:
//!
//! 1. [`observe`]: outermost, so that every answer has its request's id and a line in the log.
//! 2. a panic becomes a problem, also one of the layers below.
//! 3. [`guard`]: who may ask at all, before anything is read.
//! 4. [`mod@deadline`], for each group of addresses its own.
//! 5. [`no_query`]: innermost, around the addresses that take none.

mod deadline;
mod guard;
mod observe;
mod query;

use axum::{
    Router,
    middleware::from_fn,
    response::{IntoResponse, Response},
};
use std::any::Any;
use tower_http::{
    catch_panic::CatchPanicLayer,
    csrf::{CsrfLayer, ProtectionError},
};

use crate::problem::{Problem, catalog};
pub(crate) use deadline::deadline;
pub(crate) use observe::caller;
pub(crate) use query::no_query;

/// Puts the layers around the table of addresses.
pub(crate) fn around(table: Router) -> Router {
    let cross_site = |_: ProtectionError| Problem::new(&catalog::CROSS_SITE).into_response();
    table
        .layer(CsrfLayer::new().with_rejection_response(cross_site))
        .layer(from_fn(guard::loopback_only))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(observe::observe))
}

/// A bug of ours. The message goes to the log alone.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature is the layer's"
)]
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a value that is no text");
    Problem::internal(format!("a handler panicked: {message}")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{body::Body, middleware::from_fn_with_state, routing::get};
    use http::Request;
    use std::time::Duration;
    use tower::ServiceExt;

    /// Asks a table with the layers around it; answers the status and the body.
    async fn ask(table: Router) -> (u16, String) {
        let request = Request::get("/").header("host", "localhost");
        let request = request.body(Body::empty()).unwrap();
        let response = around(table).oneshot(request).await.unwrap();
        assert!(response.headers().contains_key("x-request-id"));
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        (parts.status.as_u16(), body)
    }

    #[tokio::test]
    async fn a_panic_becomes_a_problem_that_does_not_repeat_it() {
        async fn boom() -> &'static str {
            panic!("secret number {}", 7)
        }
        let (status, body) = ask(Router::new().route("/", get(boom))).await;
        assert_eq!(status, 500);
        assert!(body.contains("/problems/internal"), "{body}");
        assert!(body.contains("urn:uuid:"), "{body}");
        assert!(!body.contains("secret"), "{body}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_does_not_end_is_given_up() {
        let limit = Duration::from_secs(30);
        let table = Router::new()
            .route("/", get(std::future::pending::<&'static str>))
            .route_layer(from_fn_with_state(limit, deadline));
        let began = tokio::time::Instant::now();
        let (status, body) = ask(table).await;
        assert_eq!((status, began.elapsed()), (503, limit));
        assert!(body.contains("/problems/timed-out"), "{body}");
    }
}
