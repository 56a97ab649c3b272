//! Why there is no answer, and how that is told.

use reqwest::{StatusCode, Url};
use shared::{config::human::format_duration, patience::chain};
use std::{error::Error as StdError, io, time::Duration};

use super::Repeat;
use crate::{
    exit::{Code, Failure},
    operate::problem::{Problem, Words},
    output::clean,
};

/// Why there is no answer to go on with.
#[derive(Debug)]
pub(crate) enum Error {
    /// No connection could be made, so nothing was done. `refused` says that nobody listens there.
    Unreachable {
        server: Url,
        why: String,
        refused: bool,
    },
    /// The connection broke before the answer had come; the request may have been carried out.
    Lost { server: Url, why: String },
    /// The answer did not come in time; the request may have been carried out.
    TimedOut { server: Url, limit: Duration },
    /// The answer does not end.
    TooLarge { server: Url },
    /// Somebody answered who is not the API.
    Alien {
        server: Url,
        status: StatusCode,
        what: String,
    },
    /// The API said no, and why.
    Problem(Box<Problem>),
}

impl Error {
    /// What a failed call means.
    pub(super) fn of_call(error: &reqwest::Error, server: &Url, limit: Duration) -> Self {
        let server = server.clone();
        if error.is_connect() {
            let refused = is_refused(error);
            let why = chain(deepest(error));
            return Self::Unreachable {
                server,
                why,
                refused,
            };
        }
        if error.is_timeout() {
            return Self::TimedOut { server, limit };
        }
        let why = chain(deepest(error));
        Self::Lost { server, why }
    }

    /// Whether the same request may be sent again, and that may help.
    pub(super) fn is_worth_repeating(&self, repeat: Repeat) -> bool {
        match self {
            Self::Unreachable { refused, .. } => *refused,
            Self::Lost { .. } => repeat == Repeat::Safe,
            Self::Problem(problem) => match problem.status {
                429 => true,
                503 => repeat == Repeat::Safe || problem.is("stopping"),
                _ => false,
            },
            Self::TimedOut { .. } | Self::TooLarge { .. } | Self::Alien { .. } => false,
        }
    }

    /// How long the server asks to be left alone.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Problem(problem) => problem.retry_after,
            _ => None,
        }
    }

    /// The failure of the command.
    pub(crate) fn told(&self, words: Words<'_>) -> Failure {
        let maybe = "it may have been carried out or not";
        match self {
            Self::Problem(problem) => problem.told(words),
            Self::Unreachable {
                server,
                refused: true,
                ..
            } => Failure::new(
                Code::Unavailable,
                format!(
                    "nobody answers at {}\n  is `windlass up` or `windlass api` running? \
                     Another address: --server URL, or WINDLASS_SERVER",
                    shown(server)
                ),
            ),
            Self::Unreachable { server, why, .. } => Failure::new(
                Code::Unavailable,
                format!(
                    "{} cannot be reached: {}\n  another address: --server URL, or WINDLASS_SERVER",
                    shown(server),
                    clean::line(why)
                ),
            ),
            Self::Lost { server, why } => Failure::new(
                Code::Unavailable,
                format!(
                    "the answer of {} was lost: {}\n  {maybe}",
                    shown(server),
                    clean::line(why)
                ),
            ),
            Self::TimedOut { server, limit } => Failure::new(
                Code::Unavailable,
                format!(
                    "{} did not answer within {}\n  {maybe}",
                    shown(server),
                    format_duration(*limit)
                ),
            ),
            Self::TooLarge { server } => Failure::new(
                Code::Failed,
                format!("the answer of {} is too large to be read", shown(server)),
            ),
            Self::Alien {
                server,
                status,
                what,
            } => {
                let code = match status.as_u16() {
                    502..=504 => Code::Unavailable,
                    _ => Code::Failed,
                };
                let told = format!(
                    "what answers at {} is not the API of Windlass: {}, {what}\n  \
                     another address: --server URL, or WINDLASS_SERVER",
                    shown(server),
                    status.as_u16(),
                );
                Failure::new(code, told)
            }
        }
    }
}

/// An address as it was most likely written.
fn shown(server: &Url) -> &str {
    server.as_str().trim_end_matches('/')
}

/// Whether nobody listens at the address.
fn is_refused(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(error) = inner.downcast_ref::<io::Error>()
            && error.kind() == io::ErrorKind::ConnectionRefused
        {
            return true;
        }
        cause = inner.source();
    }
    false
}

/// The innermost cause: the ones around it only say which layer noticed.
fn deepest<'e>(error: &'e (dyn StdError + 'static)) -> &'e (dyn StdError + 'static) {
    let mut deepest = error;
    while let Some(inner) = deepest.source() {
        deepest = inner;
    }
    deepest
}
