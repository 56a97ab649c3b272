//! Servers that stores under test live on: where one is found, or how one is started.

pub mod postgres;
mod programs;
pub mod redis;

/// What the environment says.
#[expect(
    clippy::disallowed_methods,
    reason = "what tests run on is no setting of the program"
)]
fn told(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}
