//! What handlers may hold.

use shared::{shutdown::Shutdown, store::Store};
use std::{ops::Deref, sync::Arc};
use tokio::sync::Semaphore;

use crate::{Live, Reload, Settings};

/// Most requests that wait for a job's end at once. Each costs a connection and a look at the
/// store twice a second; there are four times as many connections, so waiting never shuts others
/// out.
pub(crate) const MAX_WAITERS: usize = 256;

/// Most bodies over 1 MiB at once: what the largest body is multiplied by to tell how much memory
/// requests may take. A body is read, parsed and enqueued well within a second, so
/// more would only wait for a processor instead.
pub(crate) const MAX_LARGE_BODIES: usize = 8;

/// What handlers may hold: cheap to clone.
#[derive(Clone)]
pub(crate) struct AppState(Arc<Held>);

/// What an [`AppState`] holds.
pub(crate) struct Held {
    /// How to behave.
    pub(crate) settings: Settings,
    /// Where jobs are kept.
    pub(crate) store: Arc<dyn Store>,
    /// What may change between two requests.
    reload: Reload,
    /// Whether the process is stopping.
    pub(crate) shutdown: Shutdown,
    /// Room for those that wait for a job's end.
    pub(crate) waiters: Semaphore,
    /// Room for large bodies.
    pub(crate) large_bodies: Arc<Semaphore>,
}

impl AppState {
    pub(crate) fn new(
        settings: Settings,
        store: Arc<dyn Store>,
        reload: Reload,
        shutdown: Shutdown,
    ) -> Self {
        Self(Arc::new(Held {
            settings,
            store,
            reload,
            shutdown,
            waiters: Semaphore::new(MAX_WAITERS),
            large_bodies: Arc::new(Semaphore::new(MAX_LARGE_BODIES)),
        }))
    }
}

impl Held {
    /// What holds at this moment: a request takes it once and goes by it to its end.
    pub(crate) fn live(&self) -> Arc<Live> {
        self.reload.snapshot()
    }
}

impl Deref for AppState {
    type Target = Held;

    fn deref(&self) -> &Held {
        &self.0
    }
}
