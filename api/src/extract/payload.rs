//! The body of a request: declared as JSON, bounded in size and in time.

use axum::{
    body::{Body, HttpBody},
    extract::{FromRequest, Request},
};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::{HeaderMap, HeaderValue, header};
use serde::{Deserialize, de::DeserializeSeed};
use shared::config::human::format_size;
use std::sync::Arc;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout_at},
};

use super::{json, shapes::Object};
use crate::{
    problem::{Problem, catalog},
    state::{AppState, MAX_LARGE_BODIES},
};

/// Bodies larger than this are parsed on a thread of their own, so that they hold up nobody: it is
/// about a millisecond's work.
const SMALL: usize = 256 * 1024;

/// Bodies larger than this need one of a few places, so that however many connections there are,
/// the memory that their requests take has a bound.
const LARGE: usize = 1024 * 1024;

/// When to come back when no place was free, in seconds.
const COME_BACK: u32 = 2;

/// A body that was read to its end.
pub(crate) struct Payload {
    bytes: Bytes,
    /// Held until the request is carried out: what is made of a body is about as large again.
    _place: Option<OwnedSemaphorePermit>,
}

impl FromRequest<AppState> for Payload {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &AppState) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let most = app.settings.max_body;
        let declared = content_length(&parts.headers);
        if declared.is_some_and(|length| length > most) {
            return Err(too_large(most));
        }
        if !body.is_end_stream() {
            check_declared_as_json(&parts.headers)?;
        }
        Self::collect(body, declared, app).await
    }
}

/// No body: nothing, or `{}`. A handler that takes none asks for this, so that what a caller says
/// is not passed over.
pub(crate) struct NoBody;

/// An object without members.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl FromRequest<AppState> for NoBody {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &AppState) -> Result<Self, Problem> {
        let payload = Payload::from_request(request, app).await?;
        let Object(Nothing {}) = payload.read_or_default()?;
        Ok(Self)
    }
}

impl Payload {
    /// Reads a body to its end, or until it is larger than allowed.
    async fn collect(body: Body, declared: Option<usize>, app: &AppState) -> Result<Self, Problem> {
        let most = app.settings.max_body;
        // What has come late leaves no time for the work: half of the request's time is for each.
        let patience = Instant::now() + app.settings.request_timeout / 2;
        let mut chunks = body.into_data_stream();
        let mut bytes = BytesMut::new();
        let mut place = None;
        loop {
            let chunk = timeout_at(patience, chunks.next()).await;
            let Some(chunk) = chunk.map_err(|_| Problem::new(&catalog::SLOW_BODY))? else {
                let bytes = bytes.freeze();
                return Ok(Self {
                    bytes,
                    _place: place,
                });
            };
            let chunk = chunk.map_err(|_| Problem::new(&catalog::UNREADABLE_BODY))?;
            let length = bytes.len() + chunk.len();
            if length > most {
                return Err(too_large(most));
            }
            if length > LARGE && place.is_none() {
                let free = Arc::clone(&app.large_bodies).acquire_owned();
                let free = timeout_at(patience, free).await.map_err(|_| crowded())?;
                place = Some(free.map_err(Problem::internal)?);
            }
            // Most bodies come in one piece, which is kept as it is.
            if bytes.is_empty() && declared == Some(length) {
                return Ok(Self {
                    bytes: chunk,
                    _place: place,
                });
            }
            bytes.extend_from_slice(&chunk);
        }
    }

    /// Reads the body as a `T`.
    pub(crate) fn read<'de, T: Deserialize<'de>>(&'de self) -> Result<T, Problem> {
        json::read(&self.bytes)
    }

    /// Reads the body as a `T`; an empty body is the `T` that says nothing.
    pub(crate) fn read_or_default<'de, T>(&'de self) -> Result<T, Problem>
    where
        T: Deserialize<'de> + Default,
    {
        if self.bytes.is_empty() {
            return Ok(T::default());
        }
        self.read()
    }

    /// Reads the body with a seed whose value borrows nothing from it.
    pub(crate) async fn read_with<S, T>(&self, seed: S) -> Result<T, Problem>
    where
        S: for<'de> DeserializeSeed<'de, Value = T> + Clone + Send + 'static,
        T: Send + 'static,
    {
        if self.bytes.len() <= SMALL {
            return json::read_with(&self.bytes, seed);
        }
        let bytes = self.bytes.clone();
        match tokio::task::spawn_blocking(move || json::read_with(&bytes, seed)).await {
            Ok(value) => value,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(error) => Err(Problem::new(&catalog::STOPPING).caused_by(error)),
        }
    }

    /// The first byte that says anything.
    pub(crate) fn first(&self) -> Option<u8> {
        self.bytes
            .iter()
            .copied()
            .find(|b| !b.is_ascii_whitespace())
    }
}

fn too_large(most: usize) -> Problem {
    let limit = format_size(u64::try_from(most).unwrap_or(u64::MAX));
    Problem::with(
        &catalog::BODY_TOO_LARGE,
        format!("a body may have at most {limit}"),
    )
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

fn crowded() -> Problem {
    let detail = format!("{MAX_LARGE_BODIES} bodies over 1 MiB are being read already");
    Problem::with(&catalog::TOO_MANY_LARGE_BODIES, detail).retry_after(COME_BACK)
}

/// A body that is not declared as JSON could have been sent by any web page without asking first;
/// one that is, could not (a "simple request", as the Fetch standard has it).
fn check_declared_as_json(headers: &HeaderMap) -> Result<(), Problem> {
    let refuse = |detail: String| Err(Problem::with(&catalog::UNSUPPORTED_MEDIA_TYPE, detail));
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let Some(declared) = headers.get(header::CONTENT_TYPE).map(text) else {
        return refuse("the body has no Content-Type".to_owned());
    };
    let media_type = declared.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        let declared = crate::problem::quote(&declared);
        return refuse(format!("the body is declared as {declared}"));
    }
    match headers.get(header::CONTENT_ENCODING).map(text) {
        Some(coding) if !coding.eq_ignore_ascii_case("identity") => {
            let coding = crate::problem::quote(&coding);
            refuse(format!("the body is encoded as {coding}"))
        }
        _ => Ok(()),
    }
}
