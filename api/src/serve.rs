//! The socket: takes connections, bounds what they may cost, and lets them finish.
//!
//! HTTP/1.1 alone is spoken. Nobody speaks HTTP/2 without TLS unless told to, and one protocol is
//! one set of limits.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
    service::TowerToHyperService,
};
use shared::{
    shutdown::{Shutdown, Tasks},
    telemetry::fields,
};
use std::{sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};

use crate::{Api, listen};

/// Most connections at once; others wait in the system's queue until one is closed.
const MAX_CONNECTIONS: usize = 1024;

/// How long the head of a request may take to come, and how long a connection may idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Largest head of a request: the line and all headers.
const MAX_HEAD: usize = 32 * 1024;

/// How long to wait when the system gives no connection, out of descriptors for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What finishing takes beyond the longest request.
const BESIDE_THE_REQUESTS: Duration = Duration::from_secs(10);

/// Serves until the shutdown drains, then finishes.
pub(crate) async fn serve(
    api: Api,
    listener: TcpListener,
    shutdown: Shutdown,
) -> Result<(), listen::Error> {
    let address = listener
        .local_addr()
        .map_err(|source| listen::Error::Taken {
            address: api.settings.listen,
            source,
        })?;
    listen::check(address)?;
    tracing::info!("the API listens on http://{address}");
    let app = api.app(&shutdown);
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let cut = Shutdown::new();
    let tasks = Tasks::new();
    loop {
        let next = tokio::select! {
            () = shutdown.draining() => break,
            next = accept(&listener, &room) => next,
        };
        match next {
            Ok((stream, place)) => {
                let connection = Connection {
                    app: app.clone(),
                    watcher: graceful.watcher(),
                    cut: cut.clone(),
                    _place: place,
                };
                tasks.spawn(connection.run(stream));
            }
            Err(error) => {
                tracing::warn!({ fields::ERROR } = %error, "no connection could be taken");
                shutdown.sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let patience = api.settings.request_timeout + BESIDE_THE_REQUESTS;
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(patience) => {
            tracing::warn!("{} connections did not finish in time and are cut", tasks.len());
        }
        () = shutdown.aborted() => {}
    }
    cut.abort();
    tasks.finished().await;
    Ok(())
}

/// The next connection, once there is room for one.
///
/// # Cancel safety
/// Safe: a connection that was not given out is not taken.
async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(room).acquire_owned().await;
    let place = place.map_err(std::io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    // An answer is one write; to wait for more to send would only delay it.
    stream.set_nodelay(true)?;
    Ok((stream, place))
}

/// One open connection.
struct Connection {
    app: Router,
    watcher: Watcher,
    cut: Shutdown,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    /// Answers its requests until it is closed, or cut.
    async fn run(self, stream: TcpStream) {
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_header_size(MAX_HEAD)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(self.app));
        tokio::select! {
            ended = self.watcher.watch(served) => {
                if let Err(error) = ended {
                    tracing::debug!({ fields::ERROR } = %error, "a connection broke");
                }
            }
            () = self.cut.aborted() => {}
        }
    }
}
