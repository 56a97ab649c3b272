//! Addresses that take no query refuse one: what is passed over without a word looks obeyed.

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::extract::Query;

/// Lets requests without parameters through.
pub(crate) async fn no_query(request: Request, next: Next) -> Response {
    match Query::new(request.uri().query()).finish() {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}
