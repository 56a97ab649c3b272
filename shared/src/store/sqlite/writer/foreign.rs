//! Whether somebody else writes to the file: another process, or another store in this one.
//!
//! `pragma data_version` changes when another connection has committed; all our writes go through
//! one connection, so a change is foreign. There is nothing to wait on, so it is polled: often
//! while others are at work, so that a job enqueued over there starts here within a few
//! milliseconds, and seldom when nobody is, so that an idle process costs next to nothing.

use rusqlite::Connection;
use std::time::{Duration, Instant};

use crate::store::{Hint, Hints, Result};

const DATA_VERSION: &str = "pragma data_version";

/// Between looks while others are at work.
const LIVELY: Duration = Duration::from_millis(1);

/// Between looks while nobody else is: the first job that another process enqueues after a pause
/// starts this much later at worst. A look wakes a processor, and a hundred looks a second alone
/// took more than one per cent of a core.
const QUIET: Duration = Duration::from_millis(40);

/// Others count as being at work for this long after their last commit.
const MEMORY: Duration = Duration::from_secs(1);

/// See the module.
pub(super) struct Foreign {
    version: i64,
    looked: Instant,
    seen: Option<Instant>,
}

impl Foreign {
    /// Starts from what the connection sees now.
    pub(super) fn new(connection: &Connection) -> Result<Self> {
        Ok(Self {
            version: version(connection)?,
            looked: Instant::now(),
            seen: None,
        })
    }

    /// How long to wait for calls before the next look.
    pub(super) fn pause(&self) -> Duration {
        self.every().saturating_sub(self.looked.elapsed())
    }

    /// Looks, when it is time to: calls that follow each other closely must not keep it off.
    pub(super) fn look_if_due(&mut self, connection: &Connection, hints: &Hints) {
        if self.looked.elapsed() < self.every() {
            return;
        }
        self.looked = Instant::now();
        // An error will be met by the next call, which has somebody to tell.
        if let Ok(version) = version(connection)
            && version != self.version
        {
            self.version = version;
            self.seen = Some(self.looked);
            hints.give(Hint::Any);
        }
    }

    fn every(&self) -> Duration {
        match self.seen {
            Some(seen) if seen.elapsed() < MEMORY => LIVELY,
            _ => QUIET,
        }
    }
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached(DATA_VERSION)?
        .query_row((), |row| row.get(0))
}
