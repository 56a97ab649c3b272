//! Claimed jobs that no handler has started yet, and the door to the handlers.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    task::{Context as TaskContext, Poll, Waker},
    time::{Duration, Instant},
};

use crate::Context;

/// The jobs between the claim and the handlers.
#[derive(Default)]
pub(crate) struct Inbox(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    jobs: VecDeque<Context>,
    /// When the oldest of them came in.
    since: Option<Instant>,
    /// Nothing is handed out while the lease is in doubt.
    shut: bool,
    /// Nothing is taken in any more.
    closed: bool,
    waker: Option<Waker>,
}

impl Inbox {
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes jobs in, or gives them back when it is closed.
    pub(crate) fn push(&self, jobs: Vec<Context>) -> Result<(), Vec<Context>> {
        let mut inner = self.lock();
        if inner.closed {
            return Err(jobs);
        }
        inner.since = inner.since.or_else(|| Some(Instant::now()));
        inner.jobs.extend(jobs);
        let waker = if inner.shut { None } else { inner.waker.take() };
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    /// The next job to start; wakes the task when there is one.
    pub(crate) fn poll(&self, cx: &TaskContext<'_>) -> Poll<Context> {
        let mut inner = self.lock();
        let next = if inner.shut {
            None
        } else {
            inner.jobs.pop_front()
        };
        if let Some(job) = next {
            inner.since = if inner.jobs.is_empty() {
                None
            } else {
                Some(Instant::now())
            };
            return Poll::Ready(job);
        }
        if !inner
            .waker
            .as_ref()
            .is_some_and(|waker| waker.will_wake(cx.waker()))
        {
            inner.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Shuts or opens the door to the handlers.
    pub(crate) fn set_shut(&self, shut: bool) {
        let mut inner = self.lock();
        inner.shut = shut;
        let waker = if shut { None } else { inner.waker.take() };
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Takes everything out.
    pub(crate) fn take(&self) -> VecDeque<Context> {
        let mut inner = self.lock();
        inner.since = None;
        std::mem::take(&mut inner.jobs)
    }

    /// Takes everything out when nothing has been started for `patience`: the handlers turned out
    /// slower than they were thought to be, and another worker may have hands free.
    pub(crate) fn take_stale(&self, patience: Duration) -> VecDeque<Context> {
        let stale = self
            .lock()
            .since
            .is_some_and(|since| since.elapsed() > patience);
        if stale { self.take() } else { VecDeque::new() }
    }

    /// Takes nothing in any more, and everything out.
    pub(crate) fn close(&self) -> VecDeque<Context> {
        self.lock().closed = true;
        self.take()
    }
}
