//! The Redis store under test: keys of its own on a server that many share, on a manual clock.

use async_trait::async_trait;
use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use super::{Backend, start};
use crate::server;
use shared::{
    clock::Clock,
    store::{
        Store,
        redis::{RedisStore, scratch::Scratch},
    },
};

struct Redis {
    clock: Clock,
    store: Arc<RedisStore>,
    /// Dropped after the store, which stands before it.
    keys: Scratch,
}

/// Opens one.
pub fn open() -> Pin<Box<dyn Future<Output = Box<dyn Backend>> + Send>> {
    Box::pin(async {
        let clock = Clock::manual(start());
        let address = server::redis::url().parse().unwrap();
        let keys = Scratch::new(&address, "windlass_test");
        let store = RedisStore::open(keys.address(), clock.clone()).await;
        let store = store.unwrap();
        Box::new(Redis { clock, store, keys }) as Box<dyn Backend>
    })
}

#[async_trait]
impl Backend for Redis {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as Arc<dyn Store>
    }

    /// Another store with the same keys, on a connection of its own: what another process has.
    async fn another(&self) -> Arc<dyn Store> {
        let store = RedisStore::open(self.keys.address(), self.clock.clone()).await;
        store.unwrap()
    }

    async fn advance(&self, length: Duration) {
        self.clock.advance(length);
    }
}
