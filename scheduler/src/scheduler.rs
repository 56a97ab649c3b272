//! A scheduler: stands for election, and does the leader's duties while it leads.

use shared::{job::Invalid, shutdown::Shutdown, store::Store};
use std::{fmt, sync::Arc};

use crate::{
    Reload, Settings,
    cron::Cron,
    duty::{self, Reach},
    leader::{Candidate, Term},
    promote::Promote,
    prune::Prune,
    rescue::Rescue,
};

/// Does what only one process at a time should do.
pub struct Scheduler {
    settings: Settings,
    store: Arc<dyn Store>,
    reload: Reload,
}

impl Scheduler {
    /// A scheduler on a store.
    ///
    /// # Errors
    /// `Invalid` with the first setting that is out of range, or the name of a schedule that is
    /// there twice or cannot be.
    pub fn new(mut settings: Settings, store: Arc<dyn Store>) -> Result<Self, Invalid> {
        settings.check()?;
        let reload = Reload::new(&mut settings);
        Ok(Self {
            settings,
            store,
            reload,
        })
    }

    /// Replaces some of the settings while it runs.
    pub fn reload(&self) -> Reload {
        self.reload.clone()
    }

    /// Runs until `shutdown` drains, and then resigns; at once when it aborts. Never ends because
    /// the store is away.
    ///
    /// # Cancel safety
    /// Dropped, it leaves its lease behind: nobody leads until that has run out.
    pub async fn run(self, shutdown: Shutdown) {
        let Settings { name, lease, .. } = &self.settings;
        let candidate = Candidate::new(Arc::clone(&self.store) as _, name, *lease);
        tokio::select! {
            () = self.stand(&candidate) => {}
            () = shutdown.draining() => {}
        }
        tokio::select! {
            biased;
            () = shutdown.aborted() => {}
            () = candidate.resign() => {}
        }
    }

    /// Campaigns and leads in turn, for ever.
    async fn stand(&self, candidate: &Candidate) {
        loop {
            let term = candidate.campaign().await;
            let number = term.number();
            tracing::info!(term = number, "leads the schedulers, term {number}");
            tokio::select! {
                end = candidate.hold(&term) => {
                    tracing::warn!(term = number, "stops leading, term {number}: {end}");
                }
                // Duties that find the term over end of themselves.
                () = self.lead(term.clone()) => {
                    tracing::warn!(term = number, "stops leading, term {number}: in doubt");
                }
            }
        }
    }

    /// Does the leader's duties until the term is over.
    async fn lead(&self, term: Term) {
        let Settings {
            lease,
            rescue_every,
            max_crashes,
            prune_every,
            prune_batch,
            ..
        } = self.settings;
        let reach = Reach::new(Arc::clone(&self.store), term);
        let rescue = Rescue {
            every: rescue_every,
            max_crashes,
        };
        let prune = Prune {
            every: prune_every,
            batch: prune_batch,
            live: self.reload.watch(),
        };
        tokio::join!(
            duty::run(Cron::new(self.reload.watch(), lease), &reach),
            duty::run(Promote, &reach),
            duty::run(rescue, &reach),
            duty::run(prune, &reach),
        );
    }
}

impl fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scheduler")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
