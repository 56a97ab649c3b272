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
use serde::de::DeserializeOwned;

pub(crate) use payload::{NoBody, Payload};
pub(crate) use query::Query;

use crate::problem::{Problem, catalog};

/// The variable part of a path, percent-decoded; a tuple where there are more than one.
pub(crate) struct Segment<T = String>(pub(crate) T);

impl<S, T> FromRequestParts<S> for Segment<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Send + 'static,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let segment = parts.extract::<Path<T>>().await;
        // What is no UTF-8 once it is decoded names nothing.
        segment
            .map(|Path(parts)| Self(parts))
            .map_err(|_| Problem::new(&catalog::NO_SUCH_ADDRESS))
    }
}
