//! From a URL to a store.

use std::sync::Arc;

use crate::{
    clock::Clock,
    job::Invalid,
    store::{Result, Store, StoreUrl, memory::MemoryStore, sqlite::SqliteStore},
};

/// Opens the store that `url` names, and brings its schema up where that is done at once. Blocks
/// for as long as the disk takes.
///
/// # Errors
/// [`crate::store::Error::Invalid`] when the URL or the file will not do, with what would;
/// `Corrupt` when the store is damaged or of another version; `Unavailable` when it cannot be used
/// for now.
pub fn open(url: &str, clock: Clock) -> Result<Arc<dyn Store>> {
    match parse(url)? {
        StoreUrl::Memory => Ok(Arc::new(MemoryStore::new(clock))),
        StoreUrl::Sqlite(path) => Ok(SqliteStore::open(path, clock)?),
    }
}

/// Reads a URL as the contract's errors tell it.
pub(super) fn parse(url: &str) -> Result<StoreUrl, Invalid> {
    url.parse().map_err(|why| Invalid::new("store.url", why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_opens_the_store_that_it_names() {
        let dir = tempfile::tempdir().unwrap();
        let file = format!("sqlite://{}", dir.path().join("jobs.db").display());
        for (url, name) in [("memory:", "memory"), (&*file, "sqlite")] {
            let store = open(url, Clock::system()).unwrap();
            assert_eq!(store.capabilities().name, name);
        }
        let url = format!("sqlite://{}", dir.path().join("none/jobs.db").display());
        let refused = open(&url, Clock::system()).err().map(|e| e.to_string());
        assert!(refused.is_some_and(|why| why.contains("make it first")));
    }
}
