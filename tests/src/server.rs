//! Servers that stores under test live on: where one is found, or how one is started.

pub mod postgres;
mod programs;
pub mod redis;

use std::net::TcpListener;

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// What the environment says.
#[expect(
    clippy::disallowed_methods,
    reason = "what tests run on is no setting of the program"
)]
fn told(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}
