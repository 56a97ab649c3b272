//! Problems (RFC 9457): the one error that has a response.
//!
//! A problem below 500 helps its caller to mend the request. One of 500 and above tells nothing of
//! the inside: it carries an `instance`, and the cause is logged under it, once, here.

pub(crate) mod catalog;
mod fault;
mod store;

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use shared::{
    job::{State, attempt::shorten},
    telemetry::fields,
};
use std::{error::Error as StdError, fmt::Write as _};
use uuid::Uuid;

use catalog::Entry;
pub(crate) use fault::{Faults, Place};

/// Longest text of the caller's that a problem repeats, in bytes.
pub(crate) const EXCERPT: usize = 200;

/// The media type of a problem.
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// What went wrong with a request.
#[derive(Debug)]
pub(crate) struct Problem {
    entry: &'static Entry,
    detail: Option<String>,
    faults: Faults,
    state: Option<State>,
    room: Option<Room>,
    retry_after: Option<u32>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

/// How full a buffer is.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Room {
    /// How many entries wait.
    pub(crate) waiting: u64,
    /// How many may.
    pub(crate) capacity: u64,
}

/// A problem as it is written. What does not apply is left out.
#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<State>,
    #[serde(flatten)]
    room: Option<Room>,
    #[serde(flatten)]
    faults: &'a Faults,
}

impl Problem {
    /// A problem of this type.
    pub(crate) fn new(entry: &'static Entry) -> Self {
        Self {
            entry,
            detail: None,
            faults: Faults::default(),
            state: None,
            room: None,
            retry_after: None,
            cause: None,
        }
    }

    /// A problem of this type, and what it is about, in the caller's terms.
    pub(crate) fn with(entry: &'static Entry, detail: impl Into<String>) -> Self {
        let mut problem = Self::new(entry);
        problem.detail = Some(detail.into());
        problem
    }

    /// Faults in what the caller sent.
    pub(crate) fn validation(faults: Faults) -> Self {
        let mut problem = Self::new(&catalog::VALIDATION_ERROR);
        problem.faults = faults;
        problem
    }

    /// A fault of ours. The cause is logged, not told.
    pub(crate) fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let mut problem = Self::new(&catalog::INTERNAL);
        problem.cause = Some(cause.into());
        problem
    }

    /// Something was named that does not exist.
    pub(crate) fn not_found(entry: &'static Entry, what: &str, name: &str) -> Self {
        Self::with(entry, format!("no {what} {}", quote(name)))
    }

    /// The faults that it consists of.
    pub(crate) fn because_of(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// The state that a job is in.
    pub(crate) fn in_state(mut self, state: State) -> Self {
        self.state = Some(state);
        self
    }

    /// How full the buffer is.
    pub(crate) fn with_room(mut self, room: Room) -> Self {
        self.room = Some(room);
        self
    }

    /// When to come back, in seconds.
    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// What it is caused by, for the log alone.
    pub(crate) fn caused_by(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// The name of its type.
    #[cfg(test)]
    pub(crate) fn name(&self) -> &'static str {
        self.entry.name
    }

    /// Where its one fault is, and what is wrong there.
    #[cfg(test)]
    pub(crate) fn only_fault(&self) -> (String, String) {
        self.faults.only()
    }

    /// The status it is answered with.
    fn status(&self) -> StatusCode {
        self.entry
            .status
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Gives the occurrence an id and logs its cause under it. The request's id is in the span.
    fn log(&self, status: StatusCode) -> Option<String> {
        if !status.is_server_error() {
            return None;
        }
        let instance = Uuid::now_v7().urn().to_string();
        let cause = self.cause.as_deref().map(chain).unwrap_or_default();
        let name = self.entry.name;
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(
                { fields::PROBLEM } = name,
                { fields::INSTANCE } = instance,
                { fields::ERROR } = cause,
                "request failed: {name}"
            );
        } else {
            tracing::warn!(
                { fields::PROBLEM } = name,
                { fields::INSTANCE } = instance,
                { fields::ERROR } = cause,
                "request failed: {name}"
            );
        }
        Some(instance)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let body = Body {
            r#type: self.entry.uri(),
            title: self.entry.title,
            status: status.as_u16(),
            detail: self.detail.as_deref(),
            instance: self.log(status),
            state: self.state,
            room: self.room,
            faults: &self.faults,
        };
        // Strings, numbers and maps with text keys always have a JSON form.
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, MEDIA_TYPE)], body).into_response();
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// An error and what it was caused by, in one line.
fn chain(error: &(dyn StdError + Send + Sync + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        write!(text, ": {cause}").unwrap_or_default();
        source = cause.source();
    }
    text
}

/// A caller's text, quoted, cut when it is long.
pub(crate) fn quote(text: &str) -> String {
    let end = text.floor_char_boundary(EXCERPT);
    let short = text.get(..end).unwrap_or_default();
    if short.len() == text.len() {
        format!("{short:?}")
    } else {
        format!("{short:?}…")
    }
}

/// A message that may repeat a caller's text, cut when it is long.
pub(crate) fn excerpt(message: String) -> String {
    shorten(message, 2 * EXCERPT).into()
}

/// The header that a request's id stands in.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
