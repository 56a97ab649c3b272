//! The memory store under test, on a manual clock.

use async_trait::async_trait;
use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use super::{Backend, start};
use shared::{
    clock::Clock,
    store::{Store, memory::MemoryStore},
};

struct Memory {
    clock: Clock,
    store: Arc<MemoryStore>,
}

/// Opens one.
pub fn open() -> Pin<Box<dyn Future<Output = Box<dyn Backend>> + Send>> {
    Box::pin(async {
        let clock = Clock::manual(start());
        let store = Arc::new(MemoryStore::new(clock.clone()));
        Box::new(Memory { clock, store }) as Box<dyn Backend>
    })
}

#[async_trait]
impl Backend for Memory {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as Arc<dyn Store>
    }

    async fn another(&self) -> Arc<dyn Store> {
        self.store()
    }

    async fn advance(&self, length: Duration) {
        self.clock.advance(length);
    }
}
