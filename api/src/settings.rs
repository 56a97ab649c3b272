//! What the API needs to know, as plain values.

use shared::backoff;
use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

/// How the API behaves. The defaults are those of the configuration reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where it listens; loopback only.
    pub listen: SocketAddr,
    /// Largest body of a request, in bytes.
    pub max_body: usize,
    /// Most jobs in one request.
    pub max_jobs_per_request: usize,
    /// How long one request may take, and the longest that one waits for a job's end.
    pub request_timeout: Duration,
    /// How often a job may fail unless it says otherwise.
    pub max_attempts: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7400)),
            max_body: 32 * 1024 * 1024,
            max_jobs_per_request: 10_000,
            request_timeout: Duration::from_secs(30),
            max_attempts: backoff::DEFAULT_MAX_ATTEMPTS,
        }
    }
}
