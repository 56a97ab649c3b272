//! `[api]`: where the API listens and what it takes.

use serde::Serialize;
use std::{net::SocketAddr, time::Duration};

use super::{
    human::{self, Bytes},
    read::Reader,
};

/// Where the API listens and what it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Api {
    /// The address and port; always a loopback address. Port 0: any free one.
    pub listen: SocketAddr,
    /// Largest request body.
    pub max_body: Bytes,
    /// Most jobs in one request.
    pub max_jobs_per_request: u32,
    /// How long a request may take, and a long poll may wait.
    #[serde(with = "human::duration")]
    pub request_timeout: Duration,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7400)),
            max_body: Bytes(32 * 1024 * 1024),
            max_jobs_per_request: 10_000,
            request_timeout: Duration::from_secs(30),
        }
    }
}

impl Api {
    pub(super) fn read(from: &Reader<'_>) -> Self {
        let default = Self::default();
        let api = Self {
            listen: from.or("listen", default.listen),
            max_body: from.limited_or("max_body", default.max_body, Bytes(1024)..=Bytes(1 << 30)),
            max_jobs_per_request: from.limited_or(
                "max_jobs_per_request",
                default.max_jobs_per_request,
                1..=100_000,
            ),
            request_timeout: from.limited_or(
                "request_timeout",
                default.request_timeout,
                Duration::from_secs(1)..=Duration::from_mins(10),
            ),
        };
        let address = api.listen.ip().to_canonical();
        if !address.is_loopback() {
            let here = SocketAddr::from(([127, 0, 0, 1], api.listen.port()));
            from.blame(
                "listen",
                format!(
                    "{:?} can be reached from other machines, and whoever reaches the API may run \
                     jobs: it has no keys yet that tell callers apart; listen on \"{here}\" and \
                     put a proxy that asks for a password in front",
                    api.listen.to_string()
                ),
            );
        }
        api
    }
}
