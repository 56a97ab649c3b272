#![doc = include_str!("../README.md")]

mod extract;
mod layers;
pub mod listen;
mod live;
mod problem;
mod routes;
mod serve;
mod settings;
mod state;

use axum::Router;
use shared::{job::Invalid, shutdown::Shutdown, store::Store};
use std::{fmt, sync::Arc};
use tokio::net::TcpListener;

pub use live::{Destination, Live, Pipeline, Reload};
pub use settings::Settings;

/// The API over one store.
#[derive(Clone)]
pub struct Api {
    settings: Settings,
    store: Arc<dyn Store>,
    reload: Reload,
}

impl Api {
    /// An API that does not listen yet.
    ///
    /// # Errors
    /// As [`Reload::replace`].
    pub fn new(settings: Settings, live: Live, store: Arc<dyn Store>) -> Result<Self, Invalid> {
        Ok(Self {
            settings,
            store,
            reload: Reload::new(live)?,
        })
    }

    /// Replaces what the configuration says about requests while they are answered.
    pub fn reload(&self) -> Reload {
        self.reload.clone()
    }

    /// Everything but the socket: answers requests, whoever brings them. Once `shutdown` drains,
    /// requests that wait for a job's end are answered at once.
    pub fn app(&self, shutdown: &Shutdown) -> Router {
        let state = state::AppState::new(
            self.settings.clone(),
            Arc::clone(&self.store),
            self.reload.clone(),
            shutdown.clone(),
        );
        layers::around(routes::table(&state))
    }
}

impl Api {
    /// Answers on `listener` until `shutdown` drains; then finishes the requests it has begun, for
    /// as long as one may take, or until `shutdown` aborts.
    ///
    /// # Errors
    /// [`listen::Error::NotLoopback`] when the listener is open to other machines.
    ///
    /// # Cancel safety
    /// Dropped, it accepts nothing more; connections that are open are served on until their next
    /// pause.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: Shutdown,
    ) -> Result<(), listen::Error> {
        serve::serve(self, listener, shutdown).await
    }
}

/// What scrapers and scalers ask, to be served beside the API: it changes nothing, so it may stand
/// where other machines reach it.
pub fn scraped(store: Arc<dyn Store>) -> Router {
    routes::metrics::table(store)
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api")
            .field("settings", &self.settings)
            .field("live", &self.reload.snapshot())
            .finish_non_exhaustive()
    }
}
