//! The HTTP client: deadlines, a bound for every body, a few more tries where that is safe.

mod answer;
mod error;
mod request;

use backon::{ExponentialBuilder, Retryable as _};
use reqwest::{
    Url,
    header::{CONTENT_TYPE, RETRY_AFTER},
    redirect,
};
use std::time::Duration;

use crate::{
    Result,
    exit::{Code, Failure},
};
pub(crate) use answer::Answer;
pub(crate) use error::Error;
pub(crate) use request::{Repeat, Request};

/// Who calls.
const USER_AGENT: &str = concat!("windlass-cli/", env!("CARGO_PKG_VERSION"));

/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(5);

/// How long a call may take beside what it waits for: longer than the API gives itself by default,
/// so that its own word about being late arrives.
const CALL: Duration = Duration::from_secs(40);

/// A server that asks to be left alone for longer is not waited for.
const LONGEST_REST: Duration = Duration::from_secs(10);

/// Speaks to one API.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    server: Url,
    waits: ExponentialBuilder,
}

impl Client {
    /// A client of the API at `server`.
    ///
    /// # Errors
    /// When this machine's certificates cannot be read, which only https needs.
    pub(crate) fn new(server: Url) -> Result<Self> {
        // The library asks for a provider even when nothing will be encrypted. That there is one
        // already is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .redirect(redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .no_gzip()
            .connect_timeout(CONNECT);
        if server.scheme() == "http" {
            // Reading the machine's certificates takes a while, and they are not needed.
            builder = builder.tls_certs_only([]);
        }
        let http = builder.build().map_err(|error| {
            let why = shared::patience::chain(&error);
            Failure::new(
                Code::Failed,
                format!("https cannot be spoken: {why}\n  install the package ca-certificates"),
            )
        })?;
        let waits = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(200))
            .with_max_times(3)
            .with_jitter();
        Ok(Self {
            http,
            server,
            waits,
        })
    }

    /// The same client, which waits no longer than a moment between tries.
    #[cfg(test)]
    pub(crate) fn hasty(mut self) -> Self {
        self.waits = self.waits.with_min_delay(Duration::from_millis(1));
        self
    }

    /// Sends a request, and again where that is safe and helps.
    ///
    /// # Errors
    /// Any status but a success is an error.
    ///
    /// # Cancel safety
    /// The API may have acted on a request that was dropped.
    pub(crate) async fn send(&self, request: &Request) -> Result<Answer, Error> {
        let again = |error: &Error| error.is_worth_repeating(request.repeat);
        let rest = |error: &Error, wait: Option<Duration>| match error.retry_after() {
            Some(asked) if asked > LONGEST_REST => None,
            // What was drawn at random is added, so that those who were sent away together do not
            // come back together.
            Some(asked) => wait.map(|wait| asked + wait),
            None => wait,
        };
        let once = || self.send_once(request);
        once.retry(self.waits).when(again).adjust(rest).await
    }

    async fn send_once(&self, request: &Request) -> Result<Answer, Error> {
        let limit = CALL + request.wait;
        let mut url = self.server.clone();
        request.address(&mut url);
        let mut call = self.http.request(request.method.clone(), url);
        if let Some(body) = &request.body {
            call = call
                .header(CONTENT_TYPE, "application/json")
                .body(body.clone());
        }
        let lost = |error: &reqwest::Error| Error::of_call(error, &self.server, limit);
        let reply = call.timeout(limit).send().await;
        let reply = reply.map_err(|error| lost(&error))?;
        let head = answer::Head {
            status: reply.status(),
            content_type: answer::header(&reply, CONTENT_TYPE),
            request: answer::header(&reply, "x-request-id"),
            retry_after: answer::header(&reply, RETRY_AFTER)
                .and_then(|seconds| seconds.trim().parse().ok())
                .map(Duration::from_secs),
        };
        let body = answer::read(reply).await.map_err(|error| match error {
            answer::Broken::Off(error) => lost(&error),
            answer::Broken::TooLarge => Error::TooLarge {
                server: self.server.clone(),
            },
        })?;
        answer::judge(head, body, &self.server)
    }
}
