//! What the API needs to know from its start to its end, as plain values.

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
    /// How long one request may take, and the longest that one waits for a job's end.
    pub request_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7400)),
            max_body: 32 * 1024 * 1024,
            request_timeout: Duration::from_secs(30),
        }
    }
}
