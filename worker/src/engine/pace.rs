//! How fast jobs go by, and so how many to hold ready. Pure.

use std::time::Duration;

/// Work held ready is worth this much time: longer than a round trip to any store.
const AHEAD: Duration = Duration::from_millis(20);

/// Jobs slower than this are never held ready: another worker may be free sooner.
const SLOW: Duration = Duration::from_millis(100);

/// Most jobs held ready.
const MOST: usize = 1024;

/// Most bytes of args held ready.
const MOST_BYTES: f64 = 16.0 * 1024.0 * 1024.0;

/// Weight of the newest observation.
const WEIGHT: f64 = 0.05;

/// Moving averages of what an attempt takes and carries.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pace {
    seconds: Option<f64>,
    bytes: f64,
}

impl Pace {
    pub(crate) fn observe(&mut self, took: Duration, args_bytes: usize) {
        let (took, bytes) = (
            took.as_secs_f64(),
            f64::from(u32::try_from(args_bytes).unwrap_or(u32::MAX)),
        );
        match &mut self.seconds {
            None => (self.seconds, self.bytes) = (Some(took), bytes),
            Some(seconds) => {
                *seconds += WEIGHT * (took - *seconds);
                self.bytes += WEIGHT * (bytes - self.bytes);
            }
        }
    }

    /// How many jobs to hold ready beside the `concurrency` that run: none while nothing is
    /// known, none when jobs are slow, else what is started within [`AHEAD`].
    pub(crate) fn prefetch(self, concurrency: usize) -> usize {
        let Some(seconds) = self
            .seconds
            .filter(|seconds| *seconds <= SLOW.as_secs_f64())
        else {
            return 0;
        };
        #[expect(
            clippy::cast_precision_loss,
            reason = "a concurrency is far below 2^52"
        )]
        let started = concurrency as f64 * AHEAD.as_secs_f64() / seconds.max(1e-9);
        let carried = MOST_BYTES / self.bytes.max(1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast of a float saturates, and both are positive"
        )]
        let count = started.min(carried) as usize;
        count.min(MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(took: Duration, bytes: usize) -> Pace {
        let mut pace = Pace::default();
        for _ in 0..500 {
            pace.observe(took, bytes);
        }
        pace
    }

    #[test]
    fn nothing_is_held_ready_while_nothing_is_known_or_jobs_are_slow() {
        assert_eq!(Pace::default().prefetch(100), 0);
        assert_eq!(after(Duration::from_millis(150), 100).prefetch(100), 0);
    }

    #[test]
    fn short_jobs_are_held_ready_within_bounds() {
        assert_eq!(after(Duration::from_micros(5), 100).prefetch(256), MOST);
        assert_eq!(after(Duration::from_millis(10), 100).prefetch(10), 20);
        assert_eq!(after(Duration::ZERO, 1 << 20).prefetch(256), 16);
    }

    #[test]
    fn a_change_of_pace_is_noticed() {
        let mut pace = after(Duration::from_micros(5), 100);
        for _ in 0..200 {
            pace.observe(Duration::from_secs(1), 100);
        }
        assert_eq!(pace.prefetch(100), 0);
    }
}
