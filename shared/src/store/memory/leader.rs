//! Who leads what, and in which term.

use super::Tables;
use crate::{
    clock::Timestamp,
    store::{ElectParams, Election},
};

/// The last term of a role; it may be over.
#[derive(Debug)]
pub(super) struct Term {
    number: u64,
    leader: String,
    expires_at: Timestamp,
}

impl Term {
    fn election(&self, now: Timestamp) -> Election {
        Election {
            leader: self.leader.clone(),
            term: self.number,
            expires_in: self.expires_at.since(now),
        }
    }
}

impl Tables {
    pub(super) fn elect(&mut self, params: ElectParams, now: Timestamp) -> Election {
        let expires_at = now + params.lease;
        let first = || Term {
            number: 0,
            leader: String::new(),
            expires_at: now,
        };
        let term = self.terms.entry(params.role).or_insert_with(first);
        if term.expires_at <= now {
            *term = Term {
                number: term.number + 1,
                leader: params.candidate,
                expires_at,
            };
        } else if term.leader == params.candidate {
            term.expires_at = expires_at;
        }
        term.election(now)
    }

    pub(super) fn resign(&mut self, role: &str, candidate: &str, number: u64, now: Timestamp) {
        if let Some(term) = self.terms.get_mut(role)
            && term.number == number
            && term.leader == candidate
        {
            term.expires_at = term.expires_at.min(now);
        }
    }

    pub(super) fn leader(&self, role: &str, now: Timestamp) -> Option<Election> {
        let term = self.terms.get(role)?;
        (now < term.expires_at).then(|| term.election(now))
    }
}
