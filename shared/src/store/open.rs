//! From a URL to a store.

use std::sync::Arc;

use crate::{
    clock::Clock,
    job::Invalid,
    store::{
        Result, Store, StoreUrl,
        memory::MemoryStore,
        postgres::PostgresStore,
        redis::RedisStore,
        sqlite::{self, SqliteStore},
    },
};

/// Opens the store that `url` names, and brings its schema up.
///
/// # Errors
/// [`crate::store::Error::Invalid`] when the URL, the file or the server will not do, with what would;
/// `Corrupt` when the store is damaged or of another version; `Unavailable` when it cannot be used
/// for now.
///
/// # Cancel safety
/// The schema is brought up or not; nothing else is changed.
pub async fn open(url: &str, clock: Clock) -> Result<Arc<dyn Store>> {
    match parse(url)? {
        StoreUrl::Memory => Ok(Arc::new(MemoryStore::new(clock))),
        StoreUrl::Sqlite(path) => {
            Ok(sqlite::blocking(move || SqliteStore::open(path, clock)).await?)
        }
        StoreUrl::Postgres(address) => Ok(PostgresStore::open(&address, clock).await?),
        StoreUrl::Redis(address) => Ok(RedisStore::open(&address, clock).await?),
    }
}

/// Reads a URL as the contract's errors tell it.
pub(super) fn parse(url: &str) -> Result<StoreUrl, Invalid> {
    url.parse().map_err(|why| Invalid::new("store.url", why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_url_opens_the_store_that_it_names() {
        let dir = tempfile::tempdir().unwrap();
        let file = format!("sqlite://{}", dir.path().join("jobs.db").display());
        for (url, name) in [("memory:", "memory"), (&*file, "sqlite")] {
            let store = open(url, Clock::system()).await.unwrap();
            assert_eq!(store.capabilities().name, name);
        }
        let url = format!("sqlite://{}", dir.path().join("none/jobs.db").display());
        let refused = open(&url, Clock::system())
            .await
            .err()
            .map(|e| e.to_string());
        assert!(refused.is_some_and(|why| why.contains("make it first")));
    }
}
