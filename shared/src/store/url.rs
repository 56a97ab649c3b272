//! The address of a store, and how it may be printed.

use serde::{Serialize, Serializer};
use std::{fmt, path::PathBuf};
use url::Url;

use super::{postgres::Address, redis};

/// The address of a store. Printed and serialised without a password; [`StoreUrl::expose`] tells
/// all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// `sqlite://PATH`: a file, its path taken as it is written.
    Sqlite(PathBuf),
    /// `postgres://USER@HOST:PORT/DATABASE`: a database on a server.
    Postgres(Address),
    /// `redis://HOST:PORT/DATABASE`: a server, a cluster, or what sentinels watch over.
    Redis(redis::Address),
    /// `memory:`: this process.
    Memory,
}

impl StoreUrl {
    /// All of it, a password as well: what opens the store.
    pub fn expose(&self) -> String {
        match self {
            Self::Postgres(address) => address.expose().to_owned(),
            Self::Redis(address) => address.expose().to_owned(),
            Self::Sqlite(_) | Self::Memory => self.to_string(),
        }
    }

    /// Whether it holds a password itself.
    pub fn has_password(&self) -> bool {
        match self {
            Self::Postgres(address) => address.has_password(),
            Self::Redis(address) => address.has_password(),
            Self::Sqlite(_) | Self::Memory => false,
        }
    }
}

impl Default for StoreUrl {
    fn default() -> Self {
        Self::Sqlite(PathBuf::from("windlass.db"))
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(address) => address.fmt(f),
            Self::Redis(address) => address.fmt(f),
            Self::Memory => f.write_str("memory:"),
        }
    }
}

impl Serialize for StoreUrl {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl std::str::FromStr for StoreUrl {
    type Err = String;

    /// # Errors
    /// What would be right. Never repeats the text: addresses of servers hold passwords.
    fn from_str(text: &str) -> Result<Self, String> {
        const RIGHT: &str = "\"sqlite://windlass.db\", \"sqlite:///var/lib/windlass.db\", \
                             \"postgres://user@db.example/windlass\", \
                             \"redis://cache.example/0\" or \"memory:\" would be right";
        if text == "memory:" {
            return Ok(Self::Memory);
        }
        if Address::is_meant(text) {
            return text.parse().map(Self::Postgres);
        }
        if redis::Address::is_meant(text) {
            return text.parse().map(Self::Redis);
        }
        match text.strip_prefix("sqlite://") {
            Some("") => Err(format!("names no file; {RIGHT}")),
            Some(":memory:") => Err("is not kept in a file; write memory: instead".to_owned()),
            Some(path) if path.ends_with('/') => Err(format!("names a directory; {RIGHT}")),
            Some(path) if path.contains(['?', '#']) || path.chars().any(char::is_control) => {
                Err("takes no options: it is sqlite:// and the path of a file".to_owned())
            }
            Some(path) => Ok(Self::Sqlite(PathBuf::from(path))),
            None => match text.split_once(':') {
                Some((scheme, _)) if known_elsewhere(scheme) => Err(format!(
                    "is {scheme}, a store that this version does not have; {RIGHT}"
                )),
                _ => Err(format!("is no store's address; {RIGHT}")),
            },
        }
    }
}

fn known_elsewhere(scheme: &str) -> bool {
    ["mysql", "valkey", "file"].contains(&scheme)
}

/// The URL as it may be printed: without what proves who one is.
pub fn redacted_url(url: &str) -> String {
    const HIDDEN: &str = "[redacted]";
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    if scheme == "sqlite" {
        return url.to_owned();
    }
    let Ok(mut parsed) = Url::parse(url) else {
        // Nobody knows where in it the secrets are.
        let plain = rest
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c));
        return if plain {
            url.to_owned()
        } else {
            format!("{scheme}://{HIDDEN}")
        };
    };
    let hidden_password = parsed.password().is_none() || parsed.set_password(Some(HIDDEN)).is_ok();
    if !hidden_password {
        return format!("{scheme}://{HIDDEN}");
    }
    if parsed.query().is_some() {
        let pairs: Vec<(String, String)> = parsed
            .query_pairs()
            .map(|(key, value)| {
                let secret = key.contains("pass") || key.contains("secret") || key.contains("key");
                let value = if secret { HIDDEN.into() } else { value };
                (key.into_owned(), value.into_owned())
            })
            .collect();
        parsed.query_pairs_mut().clear().extend_pairs(pairs);
    }
    // The brackets are percent-encoded by the parser, and nobody would know the word.
    parsed.to_string().replace("%5Bredacted%5D", HIDDEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for (text, url) in [
            ("memory:", StoreUrl::Memory),
            ("sqlite://a.db", StoreUrl::Sqlite("a.db".into())),
            ("sqlite:///a b/ü.db", StoreUrl::Sqlite("/a b/ü.db".into())),
        ] {
            assert_eq!(text.parse::<StoreUrl>(), Ok(url.clone()));
            assert_eq!(
                (url.to_string(), url.expose()),
                (text.to_owned(), text.to_owned())
            );
        }
        let cache: StoreUrl = "redis://u:hunter2@h/1".parse().unwrap();
        assert_eq!(cache.expose(), "redis://u:hunter2@h/1");
        assert_eq!(cache.to_string(), "redis://u:[redacted]@h/1");
        let server: StoreUrl = "postgres://u:hunter2@h/d".parse().unwrap();
        assert_eq!(server.expose(), "postgres://u:hunter2@h/d");
        assert_eq!(server.to_string(), "postgres://u:[redacted]@h/d");
        assert!(!format!("{server:?}").contains("hunter2"));
        assert!(server.has_password() && !StoreUrl::Memory.has_password());
        for (text, reason) in [
            ("", "no store's address"),
            ("windlass.db", "no store's address"),
            ("sqlite:a.db", "no store's address"),
            ("sqlite://", "no file"),
            ("sqlite://dir/", "a directory"),
            ("sqlite://a.db?mode=ro", "no options"),
            ("valkey://u:hunter2@h/0", "does not have"),
            ("redis://u:hunter2@h/x", "number of a database"),
            ("postgres://u:hunter2@h:x/d", "invalid port"),
        ] {
            let refused = text.parse::<StoreUrl>().unwrap_err();
            assert!(refused.contains(reason), "{text}: {refused}");
            assert!(!refused.contains("hunter2"), "{refused}");
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        for (url, shown) in [
            (
                "postgres://me:hush@db.example/jobs?sslmode=require",
                "postgres://me:[redacted]@db.example/jobs?sslmode=require",
            ),
            (
                "redis://:hush@cache:6379/0",
                "redis://:[redacted]@cache:6379/0",
            ),
            (
                "postgres://db/jobs?password=hush",
                "postgres://db/jobs?password=[redacted]",
            ),
            ("postgres://me:hu/sh@db/jobs", "postgres://[redacted]"),
            ("sqlite://a:b@c.db", "sqlite://a:b@c.db"),
            ("memory:", "memory:"),
        ] {
            assert_eq!(redacted_url(url), shown);
        }
    }
}
