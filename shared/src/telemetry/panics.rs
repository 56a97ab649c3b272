//! Panics, in the logs.

use std::panic::{self, PanicHookInfo};

use super::fields;

/// Logs every panic with its place, and then does what was done before. Called once.
pub(super) fn log_them() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        log(panic);
        before(panic);
    }));
}

fn log(panic: &PanicHookInfo<'_>) {
    let location = panic
        .location()
        .map_or_else(|| "unknown".to_owned(), ToString::to_string);
    let thread = std::thread::current();
    let message = panic.payload_as_str().unwrap_or("(no text)");
    tracing::error!(
        { fields::PANIC_LOCATION } = location,
        "thread {:?} panicked at {location}: {message}",
        thread.name().unwrap_or("unnamed"),
    );
}
