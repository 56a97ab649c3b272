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
pub mod server;

pub use backends::{Backend, Open};
pub use harness::{Hand, Harness, run};

/// Runs what is async to its end on a thread of its own: the one that asks may belong to an
/// executor, and must not go on before it is done.
fn apart<T: Send, F: Future<Output = T>>(run: impl FnOnce() -> F + Send) -> T {
    let done = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().build().unwrap();
            runtime.block_on(run())
        });
        thread.join()
    });
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
