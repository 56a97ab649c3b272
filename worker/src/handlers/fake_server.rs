//! Servers for tests: on loopback, on a port of their own, gone with the test.

use axum::{Router, body::Bytes, extract::Request, response::Response};
use reqwest::header::HeaderMap;
use shared::clock::Clock;
use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};
use url::Url;

use crate::handlers::outbound::{Outbound, client::Settings, guard::Guard};

/// What a server was asked.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A server that remembers what it was asked.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) url: Url,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Answers every request with what `answer` makes of it and of its number, from 0.
    pub(crate) async fn start<F, Fut>(answer: F) -> Self
    where
        F: Fn(usize, Seen) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Response> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let log = Arc::clone(&seen);
        let router = Router::new().fallback(move |request: Request| {
            let (answer, log) = (answer.clone(), Arc::clone(&log));
            async move {
                let (parts, body) = request.into_parts();
                let seen = Seen {
                    method: parts.method.to_string(),
                    path: parts.uri.to_string(),
                    headers: parts.headers,
                    body: axum::body::to_bytes(body, usize::MAX).await.unwrap(),
                };
                let number = {
                    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
                    log.push(seen.clone());
                    log.len() - 1
                };
                answer(number, seen).await
            }
        });
        let task = spawn(async move { axum::serve(listener, router).await.unwrap() });
        let url = url.parse().unwrap();
        Self { url, seen, task }
    }

    /// Answers every request with the same status and text.
    pub(crate) async fn saying(status: u16, body: &'static str) -> Self {
        Self::start(move |_, _| async move { text(status, body) }).await
    }

    /// A server that speaks for itself: once spoken to it writes `raw`, then `endless`
    /// again and again; then it holds the connection open.
    pub(crate) async fn raw(raw: &'static [u8], endless: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let task = spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                spawn(async move {
                    let mut request = [0; 4096];
                    drop(stream.read(&mut request).await);
                    if stream.write_all(raw).await.is_err() {
                        return;
                    }
                    let endless = endless.repeat(4096);
                    while !endless.is_empty() {
                        if stream.write_all(&endless).await.is_err() {
                            return;
                        }
                    }
                    std::future::pending::<()>().await;
                });
            }
        });
        Self {
            url: url.parse().unwrap(),
            seen: Arc::default(),
            task,
        }
    }

    /// Everything it was asked so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Its address as text, without the slash at the end.
    pub(crate) fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test's server is aborted with the test, nothing waits for it"
)]
fn spawn(task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(task)
}

/// An answer with a status and a text.
pub(crate) fn text(status: u16, body: impl Into<axum::body::Body>) -> Response {
    Response::builder()
        .status(status)
        .body(body.into())
        .unwrap()
}

/// A client that may call loopback.
pub(crate) fn local_client() -> Outbound {
    client(
        Guard::new(["127.0.0.0/8".parse().unwrap()]),
        Duration::from_secs(30),
    )
}

/// A client.
pub(crate) fn client(guard: Guard, timeout: Duration) -> Outbound {
    let settings = Settings {
        guard,
        connect_timeout: Duration::from_secs(30),
        timeout,
    };
    Outbound::new(settings, Clock::system())
}
