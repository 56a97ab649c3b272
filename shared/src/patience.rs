//! Trying again for ever: how long to wait, and one line in the log per outage instead of one per
//! try. Every loop that must not end because its store is away has one of these.

use std::{error::Error, time::Duration};
use tokio::time::Instant;

use crate::backoff::Backoff;

/// From soon to every five seconds.
const WAITS: Backoff = Backoff {
    base: Duration::from_millis(50),
    factor: 2.0,
    cap: Duration::from_secs(5),
};

/// The patience of one loop.
#[derive(Debug)]
pub struct Patience {
    what: &'static str,
    failures: u32,
    since: Option<Instant>,
}

impl Patience {
    /// For the loop that wants to `what`, which completes "cannot".
    pub fn new(what: &'static str) -> Self {
        Self {
            what,
            failures: 0,
            since: None,
        }
    }

    /// Notes a failure; answers how long to wait.
    pub fn failed(&mut self, error: &(dyn Error + 'static)) -> Duration {
        self.failures = self.failures.saturating_add(1);
        if self.since.is_none() {
            self.since = Some(Instant::now());
            tracing::warn!(
                "cannot {}, trying again until it works: {}",
                self.what,
                chain(error)
            );
        }
        // Half the ceiling at least: an unlucky row of tiny waits helps nobody.
        WAITS.wait(self.failures, 0.5 + rand::random::<f64>() / 2.0)
    }

    /// Notes that it worked.
    pub fn succeeded(&mut self) {
        if let Some(since) = self.since.take() {
            let seconds = since.elapsed().as_secs_f64();
            tracing::info!("can {} again after {seconds:.1} s", self.what);
        }
        self.failures = 0;
    }
}

/// `length`, a tenth more or less: what is done often is not to be done in step with others.
pub fn jittered(length: Duration) -> Duration {
    length.mul_f64(0.9 + rand::random::<f64>() / 5.0)
}

/// An error and its causes in one line: `cannot read the list: connection refused`.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let part = next.to_string();
        // Many errors repeat their cause in their own message.
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        cause = next.source();
    }
    text
}
