//! What else there is to do or to look up for a job: bits that travel with its row from table to
//! table, so that a job without extras costs no look at the tables of extras.

/// Nothing: nearly every job.
pub(super) const NONE: i64 = 0;

/// It holds a unique key that its first claim lets go of.
pub(super) const KEY_UNTIL_STARTED: i64 = 1;

/// It holds a unique key that its end lets go of.
pub(super) const KEY_UNTIL_FINISHED: i64 = 1 << 1;

/// It has progress.
pub(super) const PROGRESS: i64 = 1 << 2;

/// It has errors of attempts.
pub(super) const ERRORS: i64 = 1 << 3;

/// It has tags.
pub(super) const TAGS: i64 = 1 << 4;

/// Somebody asked to stop it while it ran.
pub(super) const STOP: i64 = 1 << 5;

/// It has a result.
pub(super) const RESULT: i64 = 1 << 6;

/// It holds a unique key that its end lets go of, if nothing did before.
pub(super) const KEY: i64 = KEY_UNTIL_STARTED | KEY_UNTIL_FINISHED;

/// Whether one of `bits` is set.
pub(super) const fn any(flags: i64, bits: i64) -> bool {
    flags & bits != 0
}
