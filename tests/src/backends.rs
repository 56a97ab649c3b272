//! The stores under test: for each one file that opens it clean and moves its clock.

pub mod memory;
pub mod postgres;
pub mod redis;
pub mod sqlite;

use async_trait::async_trait;
use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use shared::{clock::Timestamp, store::Store};

/// A store that one test has to itself.
#[async_trait]
pub trait Backend: Send + Sync {
    /// The store, empty at first.
    fn store(&self) -> Arc<dyn Store>;

    /// A second handle on the same data: what another process would hold, where processes can
    /// share the store, else what another task of this process would.
    async fn another(&self) -> Arc<dyn Store>;

    /// Moves the store's clock. Between two calls it must stand still, and it begins at
    /// [`start`]: histories compare every instant with the reference. A store whose clock is in
    /// its server gives it a test hook.
    async fn advance(&self, length: Duration);
}

/// Opens a clean store. What it needs beside is let go of, and removed, when the [`Backend`] is
/// dropped, so that a test that fails leaves nothing behind either.
pub type Open = fn() -> Pin<Box<dyn Future<Output = Box<dyn Backend>> + Send>>;

/// When every test begins, by its store's clock.
pub fn start() -> Timestamp {
    "2026-11-21T07:00:00Z".parse().unwrap()
}
