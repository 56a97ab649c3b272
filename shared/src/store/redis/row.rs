//! Rows: where jobs stand, as `migrations/redis/rows.lua` lays them out.

use crate::{
    clock::Timestamp,
    job::{JobId, Priority, State},
    lease::{LeaseToken, WorkerId},
    store::{
        Error, Result,
        redis::reply::{big_endian, read_id},
    },
};

/// Bytes of a row.
pub(super) const ROW: usize = 60;

/// The state byte of a job that runs.
pub(super) const RUNNING: u8 = State::Running as u8;

/// Bits of the part of a slot that is a number; above it is the nonce.
const NUMBER_BITS: u32 = 40;

/// What a worker's tokens bear beside its id, made anew for each registration.
pub(super) type Nonce = [u8; 3];

/// A row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a>(&'a [u8]);

impl<'a> Row<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self> {
        if bytes.len() == ROW {
            return Ok(Self(bytes));
        }
        Err(Error::corrupt(format!("a row of {} bytes", bytes.len())))
    }

    /// A number at the bytes `from` to `to`, counted from 1 as in the functions.
    fn number(&self, from: usize, to: usize) -> u64 {
        big_endian(&self.0[from - 1..to])
    }

    fn instant(&self, from: usize) -> Timestamp {
        let micros = i64::try_from(self.number(from, from + 6)).unwrap_or(i64::MAX);
        Timestamp::from_micros(micros)
    }

    fn small(&self, from: usize, to: usize) -> u32 {
        u32::try_from(self.number(from, to)).unwrap_or(u32::MAX)
    }

    pub(super) fn id(&self) -> Result<JobId> {
        read_id(&self.0[..16])
    }

    pub(super) fn state(&self) -> Result<State> {
        state(self.0[16])
    }

    pub(super) fn worker(&self) -> u64 {
        self.number(18, 21)
    }

    pub(super) fn claimed_at(&self) -> Option<Timestamp> {
        Some(self.instant(30)).filter(|at| *at > Timestamp::default())
    }

    pub(super) fn attempt(&self) -> u32 {
        self.small(37, 38)
    }

    pub(super) fn crashes(&self) -> u32 {
        self.small(40, 40)
    }

    /// When it is due, became available or ended.
    pub(super) fn at(&self) -> Timestamp {
        self.instant(41)
    }

    pub(super) fn priority(&self) -> Result<Priority> {
        Priority::new(self.number(52, 52)).map_err(|why| Error::corrupt(why.to_string()))
    }

    pub(super) fn accepted_at(&self) -> Timestamp {
        self.instant(54)
    }

    /// The token of who holds it, the number of the job being `number`.
    pub(super) fn token(&self, number: u64) -> LeaseToken {
        LeaseToken {
            worker: WorkerId(self.worker()),
            claim: self.number(25, 29),
            slot: (self.number(22, 24) << NUMBER_BITS) | number,
        }
    }
}

/// The state that a byte stands for.
pub(super) fn state(byte: u8) -> Result<State> {
    let known = State::ALL.get(usize::from(byte)).copied();
    known.ok_or_else(|| Error::corrupt(format!("a state {byte}")))
}

/// The number of the job that a token names, in six bytes.
pub(super) fn number_of(token: &LeaseToken) -> [u8; 6] {
    let number = token.slot & ((1 << NUMBER_BITS) - 1);
    let mut six = [0; 6];
    six.copy_from_slice(&number.to_be_bytes()[2..]);
    six
}

/// A token as rows have it; `None` when no row can have it.
pub(super) fn token_bytes(token: &LeaseToken) -> Option<[u8; 12]> {
    let worker = u32::try_from(token.worker.0).ok()?;
    let claim = Some(token.claim).filter(|claim| *claim < 1 << 40)?;
    let nonce = token.slot >> NUMBER_BITS;
    let mut bytes = [0; 12];
    bytes[..4].copy_from_slice(&worker.to_be_bytes());
    bytes[4..7].copy_from_slice(&nonce.to_be_bytes()[5..]);
    bytes[7..].copy_from_slice(&claim.to_be_bytes()[3..]);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_written_as_rows_have_it_and_read_back() {
        let token = LeaseToken {
            worker: WorkerId(7),
            claim: 0x01_0203_0405,
            slot: (0x0a_0b0c << NUMBER_BITS) | 0x63,
        };
        let mut row = [0; ROW];
        row[17..29].copy_from_slice(&token_bytes(&token).unwrap());
        assert_eq!(Row::read(&row).unwrap().token(0x63), token);
        assert_eq!(number_of(&token), [0, 0, 0, 0, 0, 0x63]);
        let too_large = LeaseToken {
            claim: 1 << 40,
            ..token
        };
        assert_eq!(token_bytes(&too_large), None);
    }
}
