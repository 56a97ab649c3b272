//! The attempts this process holds, by their token; and those with progress to report.

use shared::{job::JobId, lease::LeaseToken};
use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::sync::Notify;

use crate::{Context, context::Stop};

/// Everything claimed and not finished. Keyed by token, not by job: after a lost lease the same
/// job may be here twice, once on its way out.
#[derive(Default)]
pub(crate) struct Running {
    attempts: Mutex<HashMap<LeaseToken, Context>>,
    /// The size of the map, to be read without its lock.
    count: AtomicUsize,
}

impl Running {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<LeaseToken, Context>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn insert(&self, contexts: &[Context]) {
        let mut attempts = self.lock();
        attempts.extend(contexts.iter().map(|ctx| (ctx.job().token, ctx.clone())));
        self.count.store(attempts.len(), Ordering::Release);
    }

    pub(crate) fn remove(&self, token: &LeaseToken) {
        let mut attempts = self.lock();
        attempts.remove(token);
        self.count.store(attempts.len(), Ordering::Release);
    }

    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Asks the attempts of these jobs to stop.
    pub(crate) fn cancel(&self, cancels: Vec<(JobId, String)>) {
        if cancels.is_empty() {
            return;
        }
        let reasons: HashMap<JobId, String> = cancels.into_iter().collect();
        for ctx in self.lock().values() {
            if let Some(reason) = reasons.get(&ctx.id()) {
                ctx.ask_to_stop(Stop::Cancelled(reason.clone()));
            }
        }
    }

    /// Asks every attempt to stop.
    pub(crate) fn stop_all(&self, why: &Stop) {
        for ctx in self.lock().values() {
            ctx.ask_to_stop(why.clone());
        }
    }
}

/// The attempts whose progress was not carried to the store yet. Each is here at most once.
#[derive(Default)]
pub(crate) struct Dirty {
    contexts: Mutex<Vec<Context>>,
    arrived: Notify,
}

impl Dirty {
    pub(crate) fn add(&self, ctx: Context) {
        self.contexts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(ctx);
        self.arrived.notify_one();
    }

    pub(crate) fn take(&self) -> Vec<Context> {
        std::mem::take(&mut *self.contexts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Completes when there is something to carry.
    pub(crate) async fn arrived(&self) {
        self.arrived.notified().await;
    }
}
