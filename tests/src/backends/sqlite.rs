//! The SQLite store under test: a file of its own in a temporary directory, on a manual clock.

use async_trait::async_trait;
use std::{future::Future, pin::Pin, sync::Arc, time::Duration};
use tempfile::TempDir;

use super::{Backend, start};
use shared::{
    clock::Clock,
    store::{Store, sqlite::SqliteStore},
};

struct Sqlite {
    clock: Clock,
    store: Arc<SqliteStore>,
    /// Removed after the store, which stands before it.
    dir: TempDir,
}

/// Opens one.
pub fn open() -> Pin<Box<dyn Future<Output = Box<dyn Backend>> + Send>> {
    Box::pin(async {
        let clock = Clock::manual(start());
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(dir.path().join("jobs.db"), clock.clone()).unwrap();
        Box::new(Sqlite { clock, store, dir }) as Box<dyn Backend>
    })
}

#[async_trait]
impl Backend for Sqlite {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as Arc<dyn Store>
    }

    /// Another store on the same file, with connections of its own: what another process has.
    async fn another(&self) -> Arc<dyn Store> {
        SqliteStore::open(self.dir.path().join("jobs.db"), self.clock.clone()).unwrap()
    }

    async fn advance(&self, length: Duration) {
        self.clock.advance(length);
    }
}
