//! The sample servers, on loopback, on ports that are free.

use anyhow::Context as _;
use axum::{
    Router,
    extract::Request,
    http::StatusCode,
    middleware::{Next, from_fn},
    response::{IntoResponse as _, Response},
};
use serde::{Serialize, Serializer};
use shared::{
    clock::Clock,
    shutdown::{Shutdown, Tasks},
};
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{net::TcpListener, sync::mpsc, time::timeout};

use super::{
    cube::Cube,
    json_api, pxweb,
    receiver::{Happening, Receiver, Secrets},
};

/// How long a request may take: its body comes from this machine.
const REQUEST: Duration = Duration::from_secs(10);

/// How long the servers may take to end.
const END: Duration = Duration::from_secs(2);

/// Where the sample servers listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Addresses {
    #[serde(serialize_with = "as_url")]
    pub(super) pxweb: SocketAddr,
    #[serde(serialize_with = "as_url")]
    pub(super) json_api: SocketAddr,
    #[serde(serialize_with = "as_url")]
    pub(super) receiver: SocketAddr,
}

/// Who published the built-in data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Origins {
    pub(super) oecd: String,
    pub(super) gsp: String,
}

/// The sample servers that run.
pub(super) struct Samples {
    pub(super) addresses: Addresses,
    pub(super) origins: Origins,
    pub(super) receiver: Receiver,
    /// What happens to the receiver.
    pub(super) happenings: mpsc::Receiver<Happening>,
    tasks: Tasks,
    shutdown: Shutdown,
}

impl Samples {
    /// Starts them.
    ///
    /// # Errors
    /// When loopback has no port left.
    pub(super) async fn start(demo: String, secrets: Secrets) -> anyhow::Result<Self> {
        let (oecd, states) = (Arc::new(Cube::oecd()?), Arc::new(Cube::states()?));
        let origins = Origins {
            oecd: oecd.source.clone(),
            gsp: states.source.clone(),
        };
        let json_api = json_api::router(&states)?;
        let pxweb = pxweb::router(pxweb::Tables::new(oecd, states));
        let (receiver, happenings) = Receiver::new(demo, secrets, Clock::system());
        let (tasks, shutdown) = (Tasks::new(), Shutdown::new());
        let addresses = Addresses {
            pxweb: serve(pxweb, &tasks, &shutdown).await?,
            json_api: serve(json_api, &tasks, &shutdown).await?,
            receiver: serve(receiver.router(), &tasks, &shutdown).await?,
        };
        Ok(Self {
            addresses,
            origins,
            receiver,
            happenings,
            tasks,
            shutdown,
        })
    }

    /// Ends them: what is asked is answered, then nobody listens any more.
    pub(super) async fn stop(&self) {
        self.shutdown.drain();
        if timeout(END, self.tasks.finished()).await.is_err() {
            tracing::warn!("a sample server still answers somebody; it ends with the process");
        }
    }
}

fn as_url<S: Serializer>(address: &SocketAddr, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&format_args!("http://{address}"))
}

/// Serves on a free port of loopback.
async fn serve(router: Router, tasks: &Tasks, shutdown: &Shutdown) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.context("a sample server finds no free port on loopback")?;
    let address = listener.local_addr()?;
    let (router, shutdown) = (router.layer(from_fn(in_time)), shutdown.clone());
    tasks.spawn(async move {
        let serve = axum::serve(listener, router);
        let ended = serve.with_graceful_shutdown(async move { shutdown.draining().await });
        if let Err(error) = ended.await {
            tracing::error!("the sample server on {address} ended: {error}");
        }
    });
    Ok(address)
}

async fn in_time(request: Request, next: Next) -> Response {
    let answer = timeout(REQUEST, next.run(request)).await;
    answer.unwrap_or_else(|_| StatusCode::REQUEST_TIMEOUT.into_response())
}
