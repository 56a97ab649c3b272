//! `[destinations.NAME]`: where numbers and events go.

use serde::Serialize;
use std::time::Duration;

use super::{
    http_url::HttpUrl,
    human,
    read::{PREVIOUS_SECRET, Reader, SECRET, SecretKeys, TOKEN},
};
use crate::secret::{Secret, SigningKey};

/// Most entries that may wait in a buffer.
pub const MAX_CAPACITY: u64 = 10_000_000;

/// Where numbers and events go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Destination {
    /// Databox, over its push API.
    Databox(Databox),
    /// A URL that takes Standard Webhooks.
    Webhook(Webhook),
}

/// Databox, over its push API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Databox {
    /// Where it listens.
    pub url: HttpUrl,
    /// How entries are written.
    pub wire: Wire,
    /// What it knows us by.
    pub token: Secret,
    /// What waits for it.
    pub buffer: Buffer,
    /// When nothing is sent to it.
    pub breaker: Breaker,
}

/// How entries for Databox are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Wire {
    /// `{"data":[{"$key": 1}]}`, the older form.
    A,
    /// `[{"key": "key", "value": 1}]`.
    #[default]
    B,
}

/// What is sent to a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Takes {
    /// Numbers, and nothing else.
    Points,
    /// Events; numbers go to it as events that carry them.
    Events,
}

/// A URL that takes Standard Webhooks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Webhook {
    /// The URL.
    pub url: HttpUrl,
    /// What deliveries are signed with.
    pub secret: SigningKey,
    /// What they are signed with as well, while secrets rotate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_secret: Option<SigningKey>,
    /// What waits for it.
    pub buffer: Buffer,
    /// When nothing is sent to it.
    pub breaker: Breaker,
}

/// What waits for a destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Buffer {
    /// How many entries may wait; at least [`Self::flush_every`].
    pub capacity: u64,
    /// Entries in one call.
    pub batch_size: u32,
    /// With so many it is flushed at once; at least [`Self::batch_size`].
    pub flush_every: u32,
    /// When its oldest entry waited this long it is flushed.
    #[serde(with = "human::duration")]
    pub flush_interval: Duration,
}

/// When nothing is sent to a destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Breaker {
    /// So many failures in a row open it.
    pub failures: u32,
    /// Nothing is sent for so long; then one call tries.
    #[serde(with = "human::duration")]
    pub open_for: Duration,
}

impl Default for Buffer {
    fn default() -> Self {
        Self {
            capacity: 10_000,
            batch_size: 100,
            flush_every: 250,
            flush_interval: Duration::from_secs(10),
        }
    }
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            failures: 5,
            open_for: Duration::from_secs(30),
        }
    }
}

impl Destination {
    /// Where it is.
    pub fn url(&self) -> &HttpUrl {
        match self {
            Self::Databox(databox) => &databox.url,
            Self::Webhook(webhook) => &webhook.url,
        }
    }

    /// What is sent to it.
    pub fn takes(&self) -> Takes {
        match self {
            Self::Databox(_) => Takes::Points,
            Self::Webhook(_) => Takes::Events,
        }
    }

    /// What waits for it.
    pub fn buffer(&self) -> &Buffer {
        match self {
            Self::Databox(databox) => &databox.buffer,
            Self::Webhook(webhook) => &webhook.buffer,
        }
    }

    /// When nothing is sent to it.
    pub fn breaker(&self) -> &Breaker {
        match self {
            Self::Databox(databox) => &databox.breaker,
            Self::Webhook(webhook) => &webhook.breaker,
        }
    }

    pub(super) fn read(from: &Reader<'_>) -> Option<Self> {
        let types = [
            ("databox", Databox::read as fn(&Reader<'_>) -> Option<Self>),
            ("webhook", Webhook::read),
        ];
        from.require("type");
        let Some(read) = from.choice("type", &types) else {
            from.close();
            return None;
        };
        read(from)
    }
}

impl Databox {
    /// Where Databox listens.
    pub const URL: &str = "https://push.databox.com";

    fn read(from: &Reader<'_>) -> Option<Destination> {
        let url = if from.has("url") {
            from.optional("url")
        } else {
            Self::URL.parse().ok()
        };
        let wire = from
            .choice("wire", &[("a", Wire::A), ("b", Wire::B)])
            .unwrap_or_default();
        let token = from.required_secret(TOKEN);
        // It is sent as the user of Basic authentication, which a colon would end.
        if token
            .as_ref()
            .is_some_and(|token| token.expose().contains(':'))
        {
            from.blame(
                TOKEN.inline,
                "holds a colon, which no token of Databox does",
            );
        }
        let buffer = from.section("buffer", Buffer::read);
        let breaker = from.section("breaker", Breaker::read);
        Some(Destination::Databox(Self {
            url: url?,
            wire,
            token: token?,
            buffer,
            breaker,
        }))
    }
}

impl Webhook {
    fn read(from: &Reader<'_>) -> Option<Destination> {
        let url = from.required("url");
        let secret = from.required_secret(SECRET);
        let previous = from.secret(PREVIOUS_SECRET);
        let buffer = from.section("buffer", Buffer::read);
        let breaker = from.section("breaker", Breaker::read);
        let secret = secret.and_then(|secret| signing_key(from, SECRET, &secret));
        let previous_secret =
            previous.and_then(|secret| signing_key(from, PREVIOUS_SECRET, &secret));
        Some(Destination::Webhook(Self {
            url: url?,
            secret: secret?,
            previous_secret,
            buffer,
            breaker,
        }))
    }
}

fn signing_key(from: &Reader<'_>, keys: SecretKeys, secret: &Secret) -> Option<SigningKey> {
    let key = if from.has(keys.file) {
        keys.file
    } else {
        keys.inline
    };
    SigningKey::parse(secret)
        .map_err(|problem| from.blame(key, problem))
        .ok()
}

impl Buffer {
    fn read(from: &Reader<'_>) -> Self {
        let default = Self::default();
        Self {
            capacity: from.limited_or("capacity", default.capacity, 1..=MAX_CAPACITY),
            batch_size: from.limited_or("batch_size", default.batch_size, 1..=10_000),
            flush_every: from.limited_or("flush_every", default.flush_every, 1..=1_000_000),
            flush_interval: from.limited_or(
                "flush_interval",
                default.flush_interval,
                Duration::from_millis(10)..=Duration::from_hours(24),
            ),
        }
    }
}

impl Breaker {
    fn read(from: &Reader<'_>) -> Self {
        let default = Self::default();
        Self {
            failures: from.limited_or("failures", default.failures, 1..=1000),
            open_for: from.limited_or(
                "open_for",
                default.open_for,
                Duration::from_millis(10)..=Duration::from_hours(24),
            ),
        }
    }
}
