//! Who leads, for how long, and when to stop: a specification.
//!
//! **The store decides.** A candidate asks to lead for a *lease*; the store says yes to one, and
//! counts the *term* up with every change. It decides by its own clock, which nobody else reads.
//!
//! **A leader trusts its own stopwatch, and trusts it less than the store does.** The lease began
//! at the store some time after the leader *sent* its request and before the answer came, so the
//! leader counts from the sending, and stops a margin before the lease is over:
//!
//! ```text
//!  leader   sent ------------------------------ trust ends
//!  store         lease begins --------------------------------- lease ends, others may lead
//!                                               |---- margin ---|
//! ```
//!
//! The margin covers a stopwatch that runs slower than the store's clock, and calls that were sent
//! while trust lasted and arrive late. It is a fifth of the lease. The lease is renewed four times
//! as often as it would run out, so that a renewal may fail and another still come in time.
//!
//! **A term is over for good** when (a) its trust has run out without a renewal, (b) an answer
//! names another leader or another term, or (c) the scheduler drains. Its duties are dropped where
//! they stand: a store's call that is dropped has happened or not, and may be said again. What
//! follows is a new candidacy, whose term starts its duties from nothing.
//!
//! **Failures.** An answer that is lost, late or an error changes nothing: the term lasts as long
//! as its trust. When the leader dies, its lease runs out at the store and the next request of any
//! candidate wins; candidates ask at the moment the lease they were told of ends, or four times
//! per lease, whichever is sooner. A leader that drains resigns, so that nobody waits. A candidate
//! is named anew at every start of a process, so a process never takes its predecessor's term for
//! its own.
//!
//! **Not promised**: that there is never more than one leader. A process can be stopped between
//! looking at its stopwatch and sending, for longer than any margin; a machine that sleeps stops
//! its stopwatch. All duties are therefore safe to be done twice.

use shared::patience::{Patience, chain, jittered};
use shared::store::{self, ElectParams, Election, LeaderStore};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use uuid::Uuid;

/// What is led, as stores and the API call it.
pub const ROLE: &str = "scheduler";

/// A lease is renewed, and waited for, this many times before it runs out.
const ASKS_PER_LEASE: u32 = 4;

/// The part of a lease that is not trusted.
const MARGIN: u32 = 5;

/// How long resigning may take: stopping does not wait for a store that is away.
const RESIGN: Duration = Duration::from_secs(2);

/// A time of leading, as its duties see it.
#[derive(Debug, Clone)]
pub(crate) struct Term {
    number: u64,
    until: Arc<Mutex<Instant>>,
}

impl Term {
    pub(crate) fn new(number: u64, until: Instant) -> Self {
        let until = Arc::new(Mutex::new(until));
        Self { number, until }
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Whether this process may still act as the leader.
    pub(crate) fn holds(&self) -> bool {
        Instant::now() < self.until()
    }

    fn until(&self) -> Instant {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn extend(&self, until: Instant) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}

/// Why a term is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// The lease could not be renewed in time.
    Doubt,
    /// The store named another leader or another term.
    Replaced(Election),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Doubt => f.write_str("the lease could not be renewed in time"),
            Self::Replaced(by) => write!(f, "{} leads term {}", by.leader, by.term),
        }
    }
}

/// One start of a scheduler, as it stands for election.
pub(crate) struct Candidate {
    store: Arc<dyn LeaderStore>,
    name: String,
    lease: Duration,
}

impl Candidate {
    /// A candidate with a name of its own; `name` is the part of it that people know.
    pub(crate) fn new(store: Arc<dyn LeaderStore>, name: &str, lease: Duration) -> Self {
        let name = format!("{name}/{}", Uuid::now_v7());
        Self { store, name, lease }
    }

    /// Waits until it leads.
    ///
    /// # Cancel safety
    /// Dropped, it may have been elected without knowing: resign.
    pub(crate) async fn campaign(&self) -> Term {
        let mut patience = Patience::new("stand for election");
        loop {
            let asked = Instant::now();
            let wait = match self.elect(asked + self.pause()).await {
                Ok(election) => {
                    patience.succeeded();
                    if election.leader == self.name {
                        let term = Term::new(election.term, self.trust(asked, &election));
                        if term.holds() {
                            return term;
                        }
                    }
                    // A little after the lease it was told of, and not in step with others.
                    election.expires_in.min(self.pause()) + jittered(Duration::from_millis(10))
                }
                Err(error) => patience.failed(&error),
            };
            sleep(wait).await;
        }
    }

    /// Renews a term until it is over.
    ///
    /// # Cancel safety
    /// Safe.
    pub(crate) async fn hold(&self, term: &Term) -> End {
        let mut patience = Patience::new("renew the leader's lease");
        let mut wait = jittered(self.pause());
        loop {
            if timeout_at(term.until(), sleep(wait)).await.is_err() {
                return End::Doubt;
            }
            let asked = Instant::now();
            let answer = self.elect(term.until().min(asked + self.pause())).await;
            if !term.holds() {
                return End::Doubt;
            }
            wait = match answer {
                Ok(election) if self.confirms(term, &election) => {
                    patience.succeeded();
                    term.extend(self.trust(asked, &election));
                    jittered(self.pause())
                }
                Ok(election) => return End::Replaced(election),
                // Soon enough that the first answer after an outage still finds the term.
                Err(error) => patience.failed(&error).min(self.pause() / ASKS_PER_LEASE),
            };
        }
    }

    /// Stops leading, if it does, so that another may start at once. Never takes long.
    pub(crate) async fn resign(&self) {
        let step_aside = async {
            match self.store.leader(ROLE.to_owned()).await? {
                Some(election) if election.leader == self.name => {
                    let name = self.name.clone();
                    self.store
                        .resign(ROLE.to_owned(), name, election.term)
                        .await
                }
                _ => Ok(()),
            }
        };
        match timeout(RESIGN, step_aside).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!("cannot resign: {}", chain(&error)),
            Err(_) => tracing::warn!("cannot resign: no answer within {RESIGN:?}"),
        }
    }

    async fn elect(&self, deadline: Instant) -> store::Result<Election> {
        let params = ElectParams {
            role: ROLE.to_owned(),
            candidate: self.name.clone(),
            lease: self.lease,
        };
        match timeout_at(deadline, self.store.elect(params)).await {
            Ok(answer) => answer,
            Err(late) => Err(store::Error::Unavailable {
                maybe_applied: true,
                source: late.into(),
            }),
        }
    }

    fn confirms(&self, term: &Term, election: &Election) -> bool {
        election.leader == self.name && election.term == term.number
    }

    /// Until when an answer to what was asked at `asked` can be trusted.
    fn trust(&self, asked: Instant, election: &Election) -> Instant {
        let lease = self.lease.min(election.expires_in);
        asked + lease.saturating_sub(self.lease / MARGIN)
    }

    fn pause(&self) -> Duration {
        self.lease / ASKS_PER_LEASE
    }
}

#[cfg(test)]
mod tests;
