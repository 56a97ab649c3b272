//! A cheap hash for job ids: the map from ids to jobs is touched for every job, and the standard
//! hash, made for any key, costs more there than all the rest.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Any odd number with its bits well spread; this one is the golden ratio's.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Makes hashes of ids. Ids come from outside, so each store starts from a seed of its own:
/// nobody can make ids beforehand that all fall into one place.
#[derive(Debug, Clone)]
pub(super) struct IdHashing(u64);

impl Default for IdHashing {
    fn default() -> Self {
        Self(RandomState::new().hash_one(SPREAD))
    }
}

impl BuildHasher for IdHashing {
    type Hasher = IdHasher;

    fn build_hasher(&self) -> IdHasher {
        IdHasher(self.0)
    }
}

/// One hash under way.
#[derive(Debug)]
pub(super) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * u128::from(SPREAD);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "both halves are used: the low one here, the high one beside it"
        )]
        let low = product as u64;
        self.0 = low ^ u64::try_from(product >> 64).unwrap_or_default();
    }

    /// The length of an id is always the same, so it says nothing.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::JobId;
    use std::collections::HashSet;

    #[test]
    fn ids_made_one_after_the_other_spread_over_a_table() {
        let hashing = IdHashing::default();
        let places: HashSet<u64> = (0..4096)
            .map(|_| hashing.hash_one(JobId::generate()) % 4096)
            .collect();
        // A random function fills 63 % of the places: below half something is wrong.
        assert!(places.len() > 2048, "{} of 4096 places", places.len());
    }
}
