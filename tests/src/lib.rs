//! The harness of the tests that every store must pass: how a test gets a clean store of its own,
//! short ways to say what tests say often, and randomised histories.
//!
//! A store joins the suite with one file under [`backends`] and one line in
//! `conformance/main.rs`. The cases themselves know no store by name.

#![expect(
    clippy::unwrap_used,
    reason = "what a test cannot go on without ends the test, at the line that says what"
)]
#![expect(missing_debug_implementations, reason = "nobody prints a harness")]
#![expect(clippy::missing_panics_doc, reason = "a test fails by a panic")]

pub mod backends;
pub mod faulty;
pub mod harness;
pub mod history;
pub mod make;

pub use backends::{Backend, Open};
pub use harness::{Hand, Harness, run};
