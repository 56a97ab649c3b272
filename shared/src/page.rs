//! Keyset pages: a place in a list that survives what happens to the list meanwhile.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use std::{fmt, str::FromStr};

use crate::job::Invalid;

/// Most items on one page.
pub const MAX_LIMIT: usize = 1000;

/// Items on a page unless asked otherwise.
pub const DEFAULT_LIMIT: usize = 50;

/// Rows a store looks at for one page before it answers with what it found. A page may therefore
/// be short, or empty, and still have a cursor: the caller goes on.
pub const LOOK_BUDGET: usize = 5000;

/// One page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page starts; `None` when this is the last.
    pub next: Option<Cursor>,
}

/// The place after which the next page starts: what the store uses as its key, bound to the
/// filter it was made for. Written as text it carries a checksum, so a damaged one is refused
/// instead of silently starting elsewhere. It holds no secret and grants nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The store's key of the last row it looked at.
    pub key: [u8; 16],
    /// A fingerprint of the filter.
    pub filter: u64,
}

impl Cursor {
    /// The store's key, if this cursor was made for the filter with this fingerprint.
    ///
    /// # Errors
    /// `Invalid` when it was made for another filter.
    pub fn key_for(&self, filter: u64) -> Result<[u8; 16], Invalid> {
        if self.filter == filter {
            return Ok(self.key);
        }
        Err(Invalid::new(
            "cursor",
            "belongs to another filter; start again without a cursor",
        ))
    }

    fn checksum(&self) -> [u8; 8] {
        let mut hash = Sha256::new_with_prefix(b"windlass cursor 1");
        hash.update(self.key);
        hash.update(self.filter.to_be_bytes());
        let mut sum = [0; 8];
        sum.copy_from_slice(&hash.finalize()[..8]);
        sum
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0_u8; 32];
        bytes[..16].copy_from_slice(&self.key);
        bytes[16..24].copy_from_slice(&self.filter.to_be_bytes());
        bytes[24..].copy_from_slice(&self.checksum());
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Cursor {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let damaged = || Invalid::new("cursor", "is damaged; start again without a cursor");
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| damaged())?;
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| damaged())?;
        let mut key = [0; 16];
        key.copy_from_slice(&bytes[..16]);
        let mut filter = [0; 8];
        filter.copy_from_slice(&bytes[16..24]);
        let cursor = Self {
            key,
            filter: u64::from_be_bytes(filter),
        };
        if cursor.checksum() == bytes[24..] {
            Ok(cursor)
        } else {
            Err(damaged())
        }
    }
}

/// A stable fingerprint of whatever a filter is made of.
pub fn fingerprint(parts: &str) -> u64 {
    let digest = Sha256::digest(parts.as_bytes());
    digest[..8]
        .iter()
        .fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_a_damaged_one_refused() {
        let cursor = Cursor {
            key: [7; 16],
            filter: fingerprint("state=running"),
        };
        let text = cursor.to_string();
        assert_eq!(text.parse(), Ok(cursor));
        assert!(cursor.key_for(fingerprint("state=completed")).is_err());
        for at in 0..text.len() {
            let mut damaged = text.clone().into_bytes();
            damaged[at] = if damaged[at] == b'A' { b'B' } else { b'A' };
            let damaged = String::from_utf8(damaged).unwrap();
            assert!(damaged.parse::<Cursor>().is_err(), "{damaged}");
        }
        assert!("".parse::<Cursor>().is_err());
    }
}
