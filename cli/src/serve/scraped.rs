//! The listener for scrapers: metrics, and whether the process lives.

use anyhow::Context as _;
use axum::{Router, http::header, response::IntoResponse, routing::get};
use shared::{shutdown::Shutdown, store::Store, telemetry::metrics};
use std::{net::SocketAddr, sync::Arc};
use tokio::net::TcpListener;

use crate::Result;

/// Binds the address for scrapers, if there is one.
///
/// # Errors
/// When it is taken.
pub(super) async fn listen(address: Option<SocketAddr>) -> Result<Option<TcpListener>> {
    let Some(address) = address else {
        return Ok(None);
    };
    let listener = TcpListener::bind(address).await;
    let listener = listener.with_context(|| {
        format!("cannot tell metrics at {address} (another one: telemetry.metrics_listen)")
    })?;
    let address = listener.local_addr()?;
    tracing::info!("metrics are told at http://{address}/metrics");
    Ok(Some(listener))
}

/// Answers scrapers until `shutdown` drains; with a store also about the whole fleet.
pub(super) async fn serve(
    listener: TcpListener,
    store: Option<Arc<dyn Store>>,
    shutdown: Shutdown,
) {
    let own = async || {
        (
            [(header::CONTENT_TYPE, metrics::CONTENT_TYPE)],
            metrics::render(None).await,
        )
            .into_response()
    };
    let table = match store {
        Some(store) => api::scraped(store),
        None => Router::new().route("/metrics", get(own)),
    };
    let table = table.route("/healthz", get(async || "alive"));
    let draining = async move { shutdown.draining().await };
    if let Err(error) = axum::serve(listener, table)
        .with_graceful_shutdown(draining)
        .await
    {
        tracing::error!("metrics are told no more: {error}");
    }
}
