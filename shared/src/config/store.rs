//! `[store]`: where jobs are kept.

use serde::Serialize;

use super::read::{FromText, Reader};
use crate::store::StoreUrl;

/// Where jobs are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Store {
    /// Which store.
    pub url: StoreUrl,
}

impl Store {
    pub(super) fn read(from: &Reader<'_>) -> Self {
        Self {
            url: from.or("url", StoreUrl::default()),
        }
    }
}

impl FromText for StoreUrl {
    fn from_text(text: &str) -> Result<Self, String> {
        text.parse()
    }
}
