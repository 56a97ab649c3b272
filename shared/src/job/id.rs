//! Job ids: `UUIDv7`, made by whoever enqueues, so that a repeated enqueue is recognised.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{fmt, str::FromStr};
use uuid::Uuid;

use super::Invalid;
use crate::clock::Timestamp;

/// The id of a job: a `UUIDv7` (RFC 9562), ordered by the time it was made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Uuid", into = "Uuid")]
pub struct JobId(Uuid);

impl JobId {
    /// A fresh id. Ids made in one process are strictly increasing.
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// The id that `parent` gives to the child it calls `label`: the same for the same two, so
    /// that a parent that runs again enqueues the same children. It shares the parent's time.
    pub fn derive(parent: Self, label: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(parent.0.as_bytes());
        hash.update(label.as_bytes());
        let mut bytes = *parent.0.as_bytes();
        bytes[6..].copy_from_slice(&hash.finalize()[..10]);
        Self::stamp(bytes)
    }

    /// The id of the job that belongs to the instant `at` of what is called `label`: the same for
    /// the same two, whoever makes it. Its time is `at`, to the millisecond; before 1970 it is
    /// 1970.
    pub fn of_instant(label: &str, at: Timestamp) -> Self {
        let micros = u64::try_from(at.as_micros()).unwrap_or(0);
        let mut hash = Sha256::new_with_prefix(b"windlass instant 1");
        hash.update(at.as_micros().to_be_bytes());
        hash.update(label.as_bytes());
        let mut bytes = [0_u8; 16];
        bytes[..6].copy_from_slice(&(micros / 1000).to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&hash.finalize()[..10]);
        Self::stamp(bytes)
    }

    /// Writes the version and the variant into bytes that are otherwise an id.
    fn stamp(mut bytes: [u8; 16]) -> Self {
        bytes[6] = (bytes[6] & 0x0f) | 0x70;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self(Uuid::from_bytes(bytes))
    }

    /// The sixteen bytes, in network order: their order is the order of ids.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// Reads sixteen bytes that [`Self::as_bytes`] gave.
    ///
    /// # Errors
    /// `Invalid` when they are not a version 7 UUID.
    pub fn from_bytes(bytes: [u8; 16]) -> Result<Self, Invalid> {
        Self::try_from(Uuid::from_bytes(bytes))
    }

    /// When the id was made, by its maker's clock, to the millisecond.
    pub fn made_at(&self) -> Timestamp {
        let bytes = self.0.as_bytes();
        let mut ms = [0_u8; 8];
        ms[2..].copy_from_slice(&bytes[..6]);
        Timestamp::from_micros(i64::from_be_bytes(ms).saturating_mul(1000))
    }
}

impl TryFrom<Uuid> for JobId {
    type Error = Invalid;

    fn try_from(uuid: Uuid) -> Result<Self, Invalid> {
        if uuid.get_version_num() == 7 && uuid.get_variant() == uuid::Variant::RFC4122 {
            return Ok(Self(uuid));
        }
        Err(Invalid::new(
            "id",
            format!("{uuid} is not a version 7 UUID (RFC 9562)"),
        ))
    }
}

impl From<JobId> for Uuid {
    fn from(id: JobId) -> Self {
        id.0
    }
}

impl FromStr for JobId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let uuid = Uuid::try_parse(text).map_err(|_| {
            Invalid::new("id", format!("{text:?} is not a UUID, such as 0197f2c4-…"))
        })?;
        Self::try_from(uuid)
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow() {
        let ids: Vec<JobId> = (0..1000).map(|_| JobId::generate()).collect();
        assert!(ids.is_sorted());
    }

    #[test]
    fn a_derived_id_is_a_valid_id_of_the_same_millisecond_and_always_the_same() {
        let parent = JobId::generate();
        let child = JobId::derive(parent, "collect:oecd");
        assert_eq!(child, JobId::derive(parent, "collect:oecd"));
        assert_ne!(child, JobId::derive(parent, "collect:gsp"));
        assert_eq!(child.made_at(), parent.made_at());
        assert_eq!(child.to_string().parse::<JobId>(), Ok(child));
    }

    #[test]
    fn the_id_of_an_instant_is_valid_and_differs_by_label_and_by_instant() {
        let at: Timestamp = "2026-11-21T07:00:00.250Z".parse().unwrap();
        let id = JobId::of_instant("nightly", at);
        assert_eq!(id, JobId::of_instant("nightly", at));
        assert_ne!(id, JobId::of_instant("hourly", at));
        assert_ne!(id, JobId::of_instant("nightly", Timestamp::MAX));
        assert_eq!(id.made_at(), at);
        assert_eq!(id.to_string().parse::<JobId>(), Ok(id));
        let early = JobId::of_instant("nightly", Timestamp::MIN);
        assert_eq!(early.made_at(), Timestamp::default());
    }

    #[test]
    fn other_versions_are_refused() {
        assert!(
            "67e55044-10b1-426f-9247-bb680e5fe0c8"
                .parse::<JobId>()
                .is_err()
        );
        assert!("nope".parse::<JobId>().is_err());
    }
}
