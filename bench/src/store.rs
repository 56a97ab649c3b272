//! A store of its own for every run.

use anyhow::{Context as _, bail};
use shared::{
    clock::Clock,
    store::{
        Store, StoreUrl,
        postgres::admin::{Admin, Counters, Scratch},
        redacted_url,
        redis::scratch,
    },
    telemetry::{observed::observed, traces},
};
use std::{path::PathBuf, sync::Arc};
use tempfile::TempDir;

/// A place for a store that goes away with this value.
pub(crate) enum Place {
    /// This process.
    Memory,
    /// A new directory.
    File(TempDir),
    /// A new database.
    Server(Scratch),
    /// Keys of its own.
    Keys(scratch::Scratch),
}

impl Place {
    /// A place of its own: a new directory beside the file that the URL names, or a new database on
    /// the server of the one that it names.
    pub(crate) async fn new(url: &str) -> anyhow::Result<Self> {
        match url.parse() {
            Ok(StoreUrl::Memory) => Ok(Self::Memory),
            Ok(StoreUrl::Sqlite(path)) => {
                let parent = path.parent().filter(|dir| !dir.as_os_str().is_empty());
                let parent = parent
                    .map_or_else(|| PathBuf::from("."), PathBuf::from)
                    .canonicalize()?;
                let dir = tempfile::Builder::new()
                    .prefix("windlass-bench-")
                    .tempdir_in(parent)?;
                Ok(Self::File(dir))
            }
            Ok(StoreUrl::Postgres(address)) => {
                let scratch = Scratch::new(address.expose(), "windlass_bench", None).await;
                let scratch = scratch.with_context(|| format!("cannot measure on {address}"))?;
                Ok(Self::Server(scratch))
            }
            Ok(StoreUrl::Redis(address)) => Ok(Self::Keys(scratch::Scratch::new(
                &address,
                "windlass_bench",
            ))),
            Err(why) => bail!("--store {why}"),
        }
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Memory => "memory:".to_owned(),
            Self::File(dir) => format!("sqlite://{}", dir.path().join("bench.db").display()),
            Self::Server(scratch) => scratch.url().to_owned(),
            Self::Keys(keys) => keys.address().expose().to_owned(),
        }
    }

    /// What its server has done so far in it.
    pub(crate) async fn counters(&self) -> anyhow::Result<Option<Counters>> {
        let Self::Server(scratch) = self else {
            return Ok(None);
        };
        let mut admin = Admin::connect(scratch.url()).await?;
        let counters = admin.counters(scratch.name()).await?;
        admin.close().await?;
        Ok(Some(counters))
    }

    pub(crate) async fn open(&self) -> anyhow::Result<Arc<dyn Store>> {
        open(&self.url()).await
    }
}

/// Opens the store that another process made.
pub(crate) async fn open(url: &str) -> anyhow::Result<Arc<dyn Store>> {
    let opened = shared::store::open(url, Clock::system()).await;
    let opened = opened.with_context(|| format!("cannot open {}", redacted_url(url)))?;
    if traces::enabled() {
        return Ok(observed(opened));
    }
    Ok(opened)
}
