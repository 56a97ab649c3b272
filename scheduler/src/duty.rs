//! A duty: a loop that only the leader runs.
//!
//! A duty takes turns. After a turn it waits as long as the turn said, or until a hint that
//! concerns it; when a turn fails it waits longer and longer, for ever. It ends with the term: its
//! calls to the store are refused from then on, and whoever runs it drops it.

use shared::patience::Patience;
use shared::store::{self, Hint, Store};
use std::{future::Future, pin::pin, sync::Arc, time::Duration};
use tokio::time::{sleep, timeout};

use crate::leader::Term;

/// How long a store may take for one call.
const CALL: Duration = Duration::from_secs(10);

/// Why a turn ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Halt {
    /// The term is over: nothing more may be done.
    #[error("the term is over")]
    TermOver,
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// The store, for as long as the term holds.
#[derive(Clone)]
pub(crate) struct Reach {
    store: Arc<dyn Store>,
    term: Term,
}

impl Reach {
    pub(crate) fn new(store: Arc<dyn Store>, term: Term) -> Self {
        Self { store, term }
    }

    /// The store, to make the calls that [`Self::call`] sends.
    pub(crate) fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// Sends a call, if the term holds, and waits for its answer, but not for ever.
    ///
    /// # Cancel safety
    /// That of the call.
    pub(crate) async fn call<T>(
        &self,
        call: impl Future<Output = store::Result<T>>,
    ) -> Result<T, Halt> {
        if !self.term.holds() {
            return Err(Halt::TermOver);
        }
        match timeout(CALL, call).await {
            Ok(answer) => Ok(answer?),
            Err(late) => Err(Halt::Store(store::Error::Unavailable {
                maybe_applied: true,
                source: late.into(),
            })),
        }
    }
}

/// What a leader does over and over.
pub(crate) trait Duty {
    /// What it wants, to complete "cannot".
    const WHAT: &'static str;

    /// Hints come as fast as jobs do; they bring on a turn no sooner than this after the last.
    const GAP: Duration = Duration::from_millis(10);

    /// Does it once; answers how long it can wait for the next turn.
    async fn turn(&mut self, reach: &Reach) -> Result<Duration, Halt>;

    /// Whether a hint calls for a turn.
    fn is_woken_by(&self, _: &Hint) -> bool {
        false
    }
}

/// Takes turns until the term is over.
pub(crate) async fn run<D: Duty>(mut duty: D, reach: &Reach) {
    let mut patience = Patience::new(D::WHAT);
    loop {
        // Listening begins before the turn, so that what happens during it is not missed.
        let mut hints = reach.store().wakeups();
        let wait = match duty.turn(reach).await {
            Ok(wait) => wait,
            Err(Halt::TermOver) => return,
            Err(Halt::Store(error)) => {
                sleep(patience.failed(&error)).await;
                continue;
            }
        };
        patience.succeeded();
        let mut rest = pin!(sleep(wait));
        tokio::select! {
            () = &mut rest => continue,
            () = sleep(D::GAP) => {}
        }
        loop {
            tokio::select! {
                () = &mut rest => break,
                hint = hints.next() => if duty.is_woken_by(&hint) { break },
            }
        }
    }
}

#[cfg(test)]
mod tests;
