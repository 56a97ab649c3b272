//! `[store]`: where jobs are kept.

use serde::Serialize;

use super::read::{FromText, PASSWORD, Reader};
use crate::{secret::Secret, store::StoreUrl};

/// Where jobs are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Store {
    /// Which store.
    pub url: StoreUrl,
    /// The password of a server, where the URL holds none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
}

impl Store {
    pub(super) fn read(from: &Reader<'_>) -> Self {
        let url = from.or("url", StoreUrl::default());
        let password = from.secret(PASSWORD);
        if password.is_some() && from.fine(&["url"]) {
            let problem = match &url {
                url if url.has_password() => {
                    Some("is set, and store.url holds a password too; leave one of them out")
                }
                StoreUrl::Redis(address) if address.has_password() => {
                    Some("is set, and store.url holds a password too; leave one of them out")
                }
                StoreUrl::Postgres(_) | StoreUrl::Redis(_) => None,
                StoreUrl::Sqlite(_) | StoreUrl::Memory => {
                    Some("is set, and the store that store.url names has none")
                }
            };
            if let Some(problem) = problem {
                from.blame(PASSWORD.inline, problem);
            }
        }
        Self { url, password }
    }

    /// The URL with everything that opens the store: never to be printed.
    pub fn address(&self) -> String {
        match (&self.url, &self.password) {
            (StoreUrl::Postgres(address), Some(password)) => {
                address.with_password(password).expose().to_owned()
            }
            (StoreUrl::Redis(address), Some(password)) => {
                address.with_password(password).expose().to_owned()
            }
            (url, _) => url.expose(),
        }
    }
}

impl FromText for StoreUrl {
    fn from_text(text: &str) -> Result<Self, String> {
        text.parse()
    }
}
