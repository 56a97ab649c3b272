//! What handlers take from a request, refused as problems when it is wrong.

pub(crate) mod json;
mod payload;
pub(crate) mod query;
pub(crate) mod shapes;

use axum::{
    RequestPartsExt,
    extract::{FromRequestParts, Path},
};
use http::request::Parts;

pub(crate) use payload::Payload;
pub(crate) use query::Query;

use crate::problem::{Problem, catalog};

/// The one variable part of a path, percent-decoded.
pub(crate) struct Segment(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let segment = parts.extract::<Path<String>>().await;
        // What is no UTF-8 once it is decoded names nothing.
        segment
            .map(|Path(text)| Self(text))
            .map_err(|_| Problem::new(&catalog::NO_SUCH_ADDRESS))
    }
}
