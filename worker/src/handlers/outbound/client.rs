//! The one client: no redirects, no proxy, deadlines, and the guard before every connection.

use bytes::Bytes;
use reqwest::{
    Method, Request, Response, StatusCode,
    header::{CONTENT_TYPE, HeaderMap, HeaderValue},
    redirect,
};
use shared::{
    clock::Clock,
    config::human::format_duration,
    job::TraceContext,
    telemetry::traces::{self, Kind, Recording},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::OnceCell;
use url::Url;

use super::{
    Body, body,
    guard::{Guard, Refused, Resolver},
    retry_after::retry_after,
};

/// Who calls.
const USER_AGENT: &str = concat!("windlass/", env!("CARGO_PKG_VERSION"));

/// What remains of an answer that nobody wants is read up to here, so that the connection can be
/// used again; beyond it, closing is cheaper.
const DISCARDED: usize = 4 * 1024;

/// And no longer than this.
const DISCARD_TIME: Duration = Duration::from_millis(250);

/// Words for a message are waited for no longer than this.
const GLIMPSE_TIME: Duration = Duration::from_secs(1);

/// Why a call was not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// It may not be made. Trying again does not help while the configuration stays as it is.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The other side cannot be reached, or broke off. Try again later.
    #[error("{target} cannot be reached: {why}")]
    Unreachable { target: String, why: String },
    /// The other side began to answer, and broke off. Try again later.
    #[error("the answer of {target} broke off: {why}")]
    BrokeOff { target: String, why: String },
    /// The time was over. Try again later.
    #[error("{target} did not finish its answer within {}", format_duration(*.limit))]
    TimedOut { target: String, limit: Duration },
    /// This machine cannot make calls.
    #[error("calls cannot be made: {0}")]
    Setup(String),
}

impl Error {
    /// One word for it, of which there are few.
    const fn word(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Unreachable { .. } => "unreachable",
            Self::BrokeOff { .. } => "broke_off",
            Self::TimedOut { .. } => "timed_out",
            Self::Setup(_) => "setup",
        }
    }
}

/// How calls are made.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Which addresses may be called.
    pub(crate) guard: Guard,
    /// How long a connection may take to open.
    pub(crate) connect_timeout: Duration,
    /// How long a whole call may take, unless it says otherwise.
    pub(crate) timeout: Duration,
}

/// Makes calls. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Outbound(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    clock: Clock,
    /// Made for the first call: reading the machine's certificates takes a while, and most
    /// processes never call anybody.
    client: OnceCell<reqwest::Client>,
}

/// One call.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
    /// How long it may take, if not as long as any.
    pub(crate) timeout: Option<Duration>,
    /// The trace it belongs to.
    pub(crate) trace: Option<&'a TraceContext>,
}

impl<'a> Call<'a> {
    /// A call without headers or body.
    pub(crate) fn new(method: Method, url: Url, trace: Option<&'a TraceContext>) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: None,
            timeout: None,
            trace,
        }
    }

    /// With this body, which is JSON.
    pub(crate) fn json(mut self, body: Bytes) -> Self {
        let json = HeaderValue::from_static("application/json");
        self.headers.insert(CONTENT_TYPE, json);
        self.body = Some(body);
        self
    }
}

/// An answer whose body was not read yet.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// How long the other side asks to be left alone.
    pub(crate) retry_after: Option<Duration>,
    /// Who answered: `https://example.com`.
    pub(crate) target: String,
    response: Response,
    limit: Duration,
}

impl Outbound {
    /// A client for calls; the clock is for answers that tell a time of day but not their own.
    pub(crate) fn new(settings: Settings, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            settings,
            clock,
            client: OnceCell::new(),
        }))
    }

    /// Makes a call; answers when the head of the answer is there.
    ///
    /// # Errors
    /// See [`Error`]. An answer of any status is no error.
    ///
    /// # Cancel safety
    /// The other side may have acted on a call that was dropped.
    pub(crate) async fn send(&self, call: Call<'_>) -> Result<Reply, Error> {
        let settings = &self.0.settings;
        settings.guard.check(&call.url)?;
        let target = call.url.origin().ascii_serialization();
        let limit = call.timeout.unwrap_or(settings.timeout);
        let mut request = Request::new(call.method, call.url);
        *request.headers_mut() = call.headers;
        *request.body_mut() = call.body.map(Into::into);
        *request.timeout_mut() = Some(limit);
        let mut span = call.trace.and_then(|trace| span(trace, &request, &target));
        let trace = span.as_ref().and_then(Recording::trace);
        if let Some(trace) = trace.as_ref().or(call.trace) {
            add_trace(request.headers_mut(), trace);
        }
        let client = self.client().await?;
        let answered = client.execute(request).await;
        let response = answered.map_err(|error| classify(&error, target.clone(), limit));
        if let Some(span) = &mut span {
            tell(span, &response);
        }
        let response = response?;
        Ok(Reply {
            status: response.status(),
            headers: response.headers().clone(),
            retry_after: retry_after(response.headers(), self.0.clock.now()),
            target,
            response,
            limit,
        })
    }

    /// Whether two are clones of one.
    #[cfg(test)]
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    async fn client(&self) -> Result<&reqwest::Client, Error> {
        let settings = self.0.settings.clone();
        let build = || async {
            tokio::task::spawn_blocking(move || build(&settings))
                .await
                .map_err(|error| Error::Setup(error.to_string()))?
                .map_err(|error| Error::Setup(deepest(&error)))
        };
        self.0.client.get_or_try_init(build).await
    }
}

impl Reply {
    /// A header as text.
    pub(crate) fn header(&self, name: impl reqwest::header::AsHeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Reads the body, at most `limit` bytes of it.
    ///
    /// # Errors
    /// When the other side breaks off or the call's time is over.
    pub(crate) async fn read(mut self, limit: usize) -> Result<Body, Error> {
        let read = body::read(&mut self.response, limit).await;
        read.map_err(|error| match classify(&error, self.target, self.limit) {
            Error::Unreachable { target, why } => Error::BrokeOff { target, why },
            other => other,
        })
    }

    /// What of the body comes at once, at most `limit` bytes: for a message about an answer that
    /// has said enough already.
    pub(crate) async fn glimpse(mut self, limit: usize) -> Body {
        let read = body::read(&mut self.response, limit);
        let read = tokio::time::timeout(GLIMPSE_TIME, read).await;
        read.ok().and_then(Result::ok).unwrap_or_default()
    }

    /// Lets go of an answer whose body does not matter. A short one is read so that its connection
    /// can be used again; whatever happens meanwhile does not matter either.
    pub(crate) async fn discard(mut self) {
        let rest = body::read(&mut self.response, DISCARDED);
        drop(tokio::time::timeout(DISCARD_TIME, rest).await);
    }
}

fn build(settings: &Settings) -> Result<reqwest::Client, reqwest::Error> {
    // Fails when the process has one already, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    let builder = || {
        reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .redirect(redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .connect_timeout(settings.connect_timeout)
            .dns_resolver(Resolver(settings.guard.clone()))
    };
    builder().build().or_else(|error| {
        tracing::warn!(
            "https cannot be spoken, only http: install this machine's CA certificates \
             (package ca-certificates) and start again: {}",
            deepest(&error),
        );
        builder().tls_certs_only([]).build()
    })
}

/// The span of a call, if it is recorded. Of the address only the origin is told: paths and
/// queries may hold what opens a door.
fn span(trace: &TraceContext, request: &Request, target: &str) -> Option<Recording> {
    let (place, method) = (traces::read(trace)?, request.method());
    let mut span = Recording::begin(Some(&place), Kind::Client, || method.to_string().into())?;
    span.set("http.request.method", method.to_string());
    span.set("url.full", format!("{target}/REDACTED"));
    span.set(
        "server.address",
        request.url().host_str().unwrap_or_default().to_owned(),
    );
    if let Some(port) = request.url().port_or_known_default() {
        span.set("server.port", i64::from(port));
    }
    Some(span)
}

/// Says in the span of a call what came of it.
fn tell(span: &mut Recording, answered: &Result<Response, Error>) {
    match answered {
        Ok(response) => {
            let status = response.status();
            span.set("http.response.status_code", i64::from(status.as_u16()));
            if status.is_client_error() || status.is_server_error() {
                span.fail(status.as_str().to_owned(), "");
            }
        }
        Err(error) => {
            span.fail(error.word(), &error.to_string());
        }
    }
}

/// Puts the job's trace on a call, so that whoever answers can join it.
fn add_trace(headers: &mut HeaderMap, trace: &TraceContext) {
    let mut put = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    put("traceparent", trace.traceparent());
    if let Some(state) = trace.tracestate() {
        put("tracestate", state);
    }
}

/// What went wrong, without the URL: its path and query may hold what must not be printed.
fn classify(error: &reqwest::Error, target: String, limit: Duration) -> Error {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if let Some(refused) = inner.downcast_ref::<Refused>() {
            return Error::Refused(refused.clone());
        }
        cause = inner.source();
    }
    // A connection that took too long is one that could not be made.
    if error.is_timeout() && !error.is_connect() {
        return Error::TimedOut { target, limit };
    }
    let why = deepest(error);
    Error::Unreachable { target, why }
}

/// The innermost cause: the ones around it only say which layer noticed.
fn deepest(error: &(dyn std::error::Error + 'static)) -> String {
    let mut deepest = error;
    while let Some(inner) = deepest.source() {
        deepest = inner;
    }
    deepest.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handlers::fake_server::{Server, client, local_client, text};
    use axum::body::Body as AxumBody;

    fn get(url: &Url) -> Call<'static> {
        Call::new(Method::GET, url.clone(), None)
    }

    async fn refusal(url: &str) -> String {
        let outbound = client(Guard::default(), Duration::from_secs(5));
        match outbound.send(get(&url.parse().unwrap())).await {
            Err(Error::Refused(refused)) => refused.to_string(),
            other => panic!("{url}: {other:?}"),
        }
    }

    #[tokio::test]
    async fn private_addresses_are_not_called_by_any_of_their_names() {
        let server = Server::saying(200, "secret").await;
        let port = server.url.port().unwrap();
        for host in [
            "127.0.0.1",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "2130706433",
            "localhost",
        ] {
            let why = refusal(&format!("http://{host}:{port}/")).await;
            assert!(why.contains("outbound.allow"), "{host}: {why}");
        }
        refusal("http://169.254.169.254/latest/meta-data/").await;
        assert!(server.seen().is_empty(), "nothing was sent");
    }

    #[tokio::test]
    async fn redirects_are_answers_and_are_not_followed() {
        let server = Server::start(|_, _| async {
            let mut answer = text(302, "");
            let to = HeaderValue::from_static("/elsewhere");
            answer.headers_mut().insert("location", to);
            answer
        })
        .await;
        let reply = local_client().send(get(&server.url)).await.unwrap();
        assert_eq!(reply.status, 302);
        assert_eq!(server.seen().len(), 1);
    }

    #[tokio::test]
    async fn an_endless_body_is_read_up_to_the_limit() {
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let server = Server::raw(head, b"8\r\nabcdefgh\r\n").await;
        let reply = local_client().send(get(&server.url)).await.unwrap();
        let body = reply.read(1000).await.unwrap();
        assert_eq!((body.bytes.len(), body.cut), (1000, true));
    }

    #[tokio::test]
    async fn a_body_that_unpacks_to_a_huge_one_is_cut_where_it_is_unpacked() {
        let bomb = gzip_of_zeros(10_000_000);
        assert!(bomb.len() < 200_000);
        let server = Server::start(move |_, _| {
            let mut answer = text(200, AxumBody::from(bomb.clone()));
            let gzip = HeaderValue::from_static("gzip");
            answer.headers_mut().insert("content-encoding", gzip);
            async { answer }
        })
        .await;
        let reply = local_client().send(get(&server.url)).await.unwrap();
        let body = reply.read(100_000).await.unwrap();
        assert_eq!((body.bytes.len(), body.cut), (100_000, true));
        assert!(body.bytes.iter().all(|byte| *byte == 0));
    }

    #[tokio::test]
    async fn silence_and_a_body_that_stalls_end_with_the_deadline() {
        let patient = |limit| client(Guard::new(["127.0.0.0/8".parse().unwrap()]), limit);
        let outbound = patient(Duration::from_millis(100));
        let silent = Server::raw(b"", b"").await;
        let error = outbound.send(get(&silent.url)).await.unwrap_err();
        assert!(matches!(error, Error::TimedOut { .. }), "{error:?}");
        assert!(error.to_string().contains("within 100ms"), "{error}");
        let stalls = Server::raw(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc", b"").await;
        let outbound = patient(Duration::from_secs(2));
        let reply = outbound.send(get(&stalls.url)).await.unwrap();
        let error = reply.read(100).await.unwrap_err();
        assert!(matches!(error, Error::TimedOut { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn what_cannot_be_reached_is_told_without_path_and_query() {
        let gone = Server::saying(200, "").await;
        let mut url = gone.url.clone();
        drop(gone);
        url.set_path("/token/abc");
        url.set_query(Some("key=secret"));
        let error = local_client().send(get(&url)).await.unwrap_err();
        let Error::Unreachable { target, why } = &error else {
            panic!("{error:?}")
        };
        assert_eq!(*target, url.origin().ascii_serialization());
        assert!(why.contains("refused"), "{why}");
        let text = error.to_string();
        assert!(!text.contains("secret") && !text.contains("abc"), "{text}");
    }

    #[tokio::test]
    async fn a_server_that_does_not_speak_tls_cannot_be_reached_over_it() {
        let server = Server::saying(200, "").await;
        let mut url = server.url.clone();
        url.set_scheme("https").unwrap();
        let error = local_client().send(get(&url)).await.unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
        assert!(server.seen().is_empty());
    }

    #[tokio::test]
    async fn a_call_says_who_calls_and_carries_the_trace() {
        let server = Server::saying(204, "").await;
        let trace = TraceContext::new(
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            Some("vendor=1"),
        )
        .unwrap();
        let call = Call::new(Method::POST, server.url.clone(), Some(&trace));
        let call = call.json(Bytes::from_static(b"{}"));
        local_client().send(call).await.unwrap().discard().await;
        let seen = server.seen().pop().unwrap();
        assert_eq!(seen.headers["user-agent"], USER_AGENT);
        assert_eq!(seen.headers["traceparent"], trace.traceparent());
        assert_eq!(seen.headers["tracestate"], "vendor=1");
        assert_eq!(seen.headers["content-type"], "application/json");
        assert_eq!((seen.method.as_str(), &*seen.body), ("POST", &b"{}"[..]));
    }

    /// A gzip file (RFC 1952) of zeros: one deflate block (RFC 1951) with the fixed codes, a
    /// literal zero and then matches of 258 bytes at distance 1.
    fn gzip_of_zeros(length: usize) -> Vec<u8> {
        let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
        let (mut bits, mut count) = (0_u32, 0_u32);
        let mut put = |out: &mut Vec<u8>, value: u32, width: u32| {
            bits |= value << count;
            count += width;
            while count >= 8 {
                out.push((bits & 0xff) as u8);
                bits >>= 8;
                count -= 8;
            }
        };
        put(&mut out, 0b011, 3); // the last block, fixed codes
        put(&mut out, 0b0000_1100, 8); // the literal 0, code 00110000, its first bit first
        for _ in 0..length / 258 {
            put(&mut out, 0b1010_0011, 8); // length 258, symbol 285, code 11000101
            put(&mut out, 0, 5); // distance 1
        }
        put(&mut out, 0, 7); // end of block
        put(&mut out, 0, 7);
        // The checksum and the length are not reached by a reader that stops early.
        out.extend_from_slice(&[0; 8]);
        out
    }
}
