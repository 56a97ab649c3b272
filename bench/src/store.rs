//! A store of its own for every run.

use anyhow::{Context as _, bail};
use shared::{clock::Clock, store::Store};
use std::{path::PathBuf, sync::Arc};
use tempfile::TempDir;

/// A place for a store that goes away with this value.
pub(crate) struct Place {
    url: String,
    _dir: Option<TempDir>,
}

impl Place {
    /// A place of its own: a new directory beside the file that the URL names.
    pub(crate) fn new(url: &str) -> anyhow::Result<Self> {
        let Some(path) = sqlite_path(url) else {
            if url == "memory:" {
                return Ok(Self {
                    url: url.to_owned(),
                    _dir: None,
                });
            }
            bail!("cannot measure {url:?}; memory: and sqlite://FILE are known");
        };
        let parent = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        let parent = parent
            .map_or_else(|| PathBuf::from("."), PathBuf::from)
            .canonicalize()?;
        let dir = tempfile::Builder::new()
            .prefix("windlass-bench-")
            .tempdir_in(parent)?;
        let url = format!("sqlite://{}", dir.path().join("bench.db").display());
        Ok(Self {
            url,
            _dir: Some(dir),
        })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The file, if the store is one.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        sqlite_path(&self.url)
    }

    pub(crate) fn open(&self) -> anyhow::Result<Arc<dyn Store>> {
        open(&self.url)
    }
}

/// Opens the store that another process made.
pub(crate) fn open(url: &str) -> anyhow::Result<Arc<dyn Store>> {
    shared::store::open(url, Clock::system()).with_context(|| format!("cannot open {url}"))
}

fn sqlite_path(url: &str) -> Option<PathBuf> {
    url.strip_prefix("sqlite://").map(PathBuf::from)
}
