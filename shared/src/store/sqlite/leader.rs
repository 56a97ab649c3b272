//! Who leads.

use rusqlite::{Connection, OptionalExtension, Row};

use super::{
    row::{count, integer},
    writer::Turn,
};
use crate::{
    clock::Timestamp,
    store::{ElectParams, Election, Result},
};

const LEADER_GET: &str = include_str!("sql/leader_get.sql");
const LEADER_PUT: &str = include_str!("sql/leader_put.sql");
const LEADER_RESIGN: &str = include_str!("sql/leader_resign.sql");

/// A row of `leader`.
struct Term {
    candidate: Option<String>,
    number: u64,
    expires_at: Timestamp,
}

impl Term {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            candidate: row.get(0)?,
            number: count(row, 1)?,
            expires_at: row.get(2)?,
        })
    }

    /// Who leads, if the term has not ended.
    fn running(self, now: Timestamp) -> Option<Election> {
        let leader = self.candidate.filter(|_| self.expires_at > now)?;
        Some(Election {
            leader,
            term: self.number,
            expires_in: self.expires_at.since(now),
        })
    }
}

/// Answers an election while somebody else leads.
pub(super) fn look(turn: &mut Turn<'_>, params: &ElectParams) -> Result<Option<Election>> {
    let term = turn.row(LEADER_GET, (&params.role,), Term::read)?;
    let running = term.and_then(|term| term.running(turn.now()));
    Ok(running.filter(|election| election.leader != params.candidate))
}

/// See [`crate::store::LeaderStore::elect`].
pub(super) fn elect(turn: &mut Turn<'_>, params: &ElectParams) -> Result<Election> {
    let now = turn.now();
    let before = turn.row(LEADER_GET, (&params.role,), Term::read)?;
    let number = before.as_ref().map_or(0, |term| term.number);
    let term = match before.and_then(|term| term.running(now)) {
        Some(election) if election.leader != params.candidate => return Ok(election),
        Some(election) => election.term,
        None => number + 1,
    };
    let ElectParams {
        role,
        candidate,
        lease,
    } = params;
    turn.execute(LEADER_PUT, (role, candidate, integer(term), now + *lease))?;
    Ok(Election {
        leader: candidate.clone(),
        term,
        expires_in: (now + *lease).since(now),
    })
}

/// See [`crate::store::LeaderStore::resign`].
pub(super) fn resign(
    turn: &mut Turn<'_>,
    (role, candidate, term): &(String, String, u64),
) -> Result<()> {
    turn.execute(LEADER_RESIGN, (role, candidate, integer(*term)))?;
    Ok(())
}

/// See [`crate::store::LeaderStore::leader`].
pub(super) fn leader(
    connection: &Connection,
    role: &str,
    now: Timestamp,
) -> Result<Option<Election>> {
    let mut statement = connection.prepare_cached(LEADER_GET)?;
    let term = statement.query_row((role,), Term::read).optional()?;
    Ok(term.and_then(|term| term.running(now)))
}
