//! Entries that a subscriber did not take, and when each is tried again. Pure.
//!
//! One event that a subscriber always fails on must neither hold up the others nor be sent every
//! few seconds for days. What is known here is this process's own and is learned again after a
//! restart; how long an entry has been tried in all is read from when it was added.

use shared::{backoff::Backoff, clock::Timestamp, store::EntryId};
use std::{collections::HashMap, time::Duration};

/// The waits between the attempts of one entry.
const WAITS: Backoff = Backoff {
    base: Duration::from_secs(10),
    factor: 3.0,
    cap: Duration::from_hours(1),
};

/// So many are known at most: entries that somebody else resolved are forgotten with the rest.
const MOST: usize = 10_000;

/// The entries of one destination that rest.
#[derive(Debug, Default)]
pub(super) struct Rests(HashMap<EntryId, Rest>);

#[derive(Debug)]
struct Rest {
    failures: u32,
    until: Timestamp,
}

impl Rests {
    /// An entry failed once more.
    pub(super) fn failed(&mut self, id: EntryId, random: f64, now: Timestamp) {
        if self.0.len() >= MOST && !self.0.contains_key(&id) {
            self.0.clear();
        }
        let rest = self.0.entry(id).or_insert(Rest {
            failures: 0,
            until: now,
        });
        rest.failures += 1;
        // Half the ceiling at least: a subscriber that fails is not asked again at once.
        rest.until = now + WAITS.wait(rest.failures, 0.5 + random / 2.0);
    }

    /// How often an entry has failed.
    pub(super) fn failures(&self, id: EntryId) -> u32 {
        self.0.get(&id).map_or(0, |rest| rest.failures)
    }

    /// Entries wait no more.
    pub(super) fn forget<'a>(&mut self, ids: impl Iterator<Item = &'a EntryId>) {
        for id in ids {
            self.0.remove(id);
        }
    }

    /// How many are known, resting or not.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// How long an entry rests yet.
    pub(super) fn left(&self, id: EntryId, now: Timestamp) -> Option<Duration> {
        let left = self.0.get(&id)?.until.since(now);
        // Should the clock have been set back, nothing rests for longer than it could.
        Some(left.min(WAITS.cap)).filter(|left| !left.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::job::JobId;

    #[test]
    fn an_entry_rests_longer_each_time_it_fails() {
        let (mut rests, now) = (Rests::default(), Timestamp::default());
        let id = EntryId::derive(JobId::generate(), "x");
        assert_eq!(rests.left(id, now), None);
        for seconds in [5, 15, 45, 135, 405, 1215, 1800, 1800] {
            rests.failed(id, 0.0, now);
            assert_eq!(rests.left(id, now), Some(Duration::from_secs(seconds)));
        }
        assert_eq!(rests.left(id, now + Duration::from_mins(30)), None);
        assert_eq!(rests.failures(id), 8);
        rests.forget(std::iter::once(&id));
        assert_eq!((rests.len(), rests.failures(id)), (0, 0));
    }

    #[test]
    fn no_more_are_known_than_may_be() {
        let (mut rests, now) = (Rests::default(), Timestamp::default());
        let origin = JobId::generate();
        for n in 0..=MOST {
            rests.failed(EntryId::derive(origin, &n.to_string()), 0.0, now);
        }
        assert_eq!(rests.len(), 1);
    }
}
