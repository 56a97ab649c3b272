//! Lone enqueues under load travel together.
//!
//! A statement costs the server about the same for one job and for fifty, and its commit waits for
//! the disk. So while as many enqueues as may be are under way, small ones that come meanwhile wait
//! for the next to end, which takes less than a millisecond or two, and then go as one statement,
//! led by the one that waited longest. When nothing is under way nothing waits: an idle store adds
//! no latency.
//!
//! Every caller gets its own verdicts, and its jobs are kept or not kept whole, as its batch is
//! part of one statement. When the leader's call is dropped in the middle, nobody knows whether the
//! statement has happened, and those it led make their calls themselves: enqueues are idempotent,
//! and a job that was accepted then is told as [`Enqueued::Repeated`]. A statement that fails
//! fails for all it carried.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::oneshot;

use crate::{
    job::NewJob,
    store::{Enqueued, Error, Result},
};

/// Batches of at most so many jobs are gathered; larger ones gain nothing.
pub(super) const SMALL: usize = 64;

/// Most jobs that travel together.
const MOST: usize = 1000;

/// Statements under way at once before others wait.
const UNDER_WAY: usize = 2;

/// Enqueues that are under way, and those that wait.
#[derive(Debug, Default)]
pub(super) struct Gather(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    under_way: usize,
    waiting: VecDeque<Waiting>,
}

/// A call that waits: its jobs, and where it is told how it goes on.
#[derive(Debug)]
struct Waiting {
    jobs: Arc<Vec<NewJob>>,
    turn: oneshot::Sender<Turn>,
}

/// How a call goes on.
#[derive(Debug)]
enum Turn {
    /// It makes the statement, for itself and for these.
    Lead(Vec<Waiting>),
    /// Somebody else has made it.
    Told(Result<Vec<Enqueued>>),
}

/// A statement that is under way. Lets those who wait go on when it is dropped.
struct UnderWay<'g>(&'g Gather);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.state().pass_on();
    }
}

impl State {
    /// Hands the place of a statement that has ended to those who wait, if any do.
    fn pass_on(&mut self) {
        while let Some(first) = self.waiting.pop_front() {
            let mut room = MOST.saturating_sub(first.jobs.len());
            let mut led = Vec::new();
            while let Some(next) = self.waiting.pop_front_if(|next| next.jobs.len() <= room) {
                room -= next.jobs.len();
                led.push(next);
            }
            match first.turn.send(Turn::Lead(led)) {
                Ok(()) => return,
                // It was dropped while it waited; those that it would have led stay in line.
                Err(Turn::Lead(led)) => {
                    for waiting in led.into_iter().rev() {
                        self.waiting.push_front(waiting);
                    }
                }
                Err(Turn::Told(_)) => {}
            }
        }
        self.under_way -= 1;
    }
}

impl Gather {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a call through `make`, alone or together with others.
    ///
    /// # Cancel safety
    /// As for the call itself: it has happened or not.
    pub(super) async fn enqueue<F>(
        &self,
        jobs: &Arc<Vec<NewJob>>,
        make: impl Fn(Arc<Vec<NewJob>>) -> F,
    ) -> Result<Vec<Enqueued>>
    where
        F: Future<Output = Result<Vec<Enqueued>>>,
    {
        loop {
            let waits = {
                let mut state = self.state();
                if state.under_way < UNDER_WAY {
                    state.under_way += 1;
                    None
                } else {
                    let (turn, told) = oneshot::channel();
                    let jobs = Arc::clone(jobs);
                    state.waiting.push_back(Waiting { jobs, turn });
                    Some(told)
                }
            };
            let Some(told) = waits else {
                let _under_way = UnderWay(self);
                return make(Arc::clone(jobs)).await;
            };
            match told.await {
                Ok(Turn::Told(answer)) => return answer,
                Ok(Turn::Lead(led)) => {
                    let under_way = UnderWay(self);
                    return lead(jobs, led, under_way, make).await;
                }
                // Whoever led was dropped: nobody knows, so the call is made again.
                Err(_) => {}
            }
        }
    }
}

async fn lead<F>(
    jobs: &[NewJob],
    led: Vec<Waiting>,
    under_way: UnderWay<'_>,
    make: impl Fn(Arc<Vec<NewJob>>) -> F,
) -> Result<Vec<Enqueued>>
where
    F: Future<Output = Result<Vec<Enqueued>>>,
{
    let mut all = jobs.to_vec();
    for waiting in &led {
        all.extend(waiting.jobs.iter().cloned());
    }
    let answer = make(Arc::new(all)).await;
    drop(under_way);
    match answer {
        Ok(mut verdicts) => {
            let mut theirs = verdicts.split_off(jobs.len().min(verdicts.len()));
            for waiting in led {
                let rest = theirs.split_off(waiting.jobs.len().min(theirs.len()));
                let answer = std::mem::replace(&mut theirs, rest);
                // Whoever does not listen any more has dropped its call.
                drop(waiting.turn.send(Turn::Told(Ok(answer))));
            }
            Ok(verdicts)
        }
        Err(error) => {
            for waiting in led {
                drop(waiting.turn.send(Turn::Told(Err(same(&error)))));
            }
            Err(error)
        }
    }
}

/// An error that several calls share.
fn same(error: &Error) -> Error {
    match error {
        Error::Unavailable {
            maybe_applied,
            source,
        } => Error::Unavailable {
            maybe_applied: *maybe_applied,
            source: source.to_string().into(),
        },
        Error::Invalid(invalid) => Error::Invalid(invalid.clone()),
        other => Error::corrupt(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::State as JobState;
    use std::sync::Mutex as Shared;
    use tokio::sync::Notify;

    fn job() -> NewJob {
        NewJob::new("noop", &()).unwrap()
    }

    /// Makes calls that note how many jobs they carried, and end when they are let.
    struct Server {
        sizes: Shared<Vec<usize>>,
        go: Notify,
    }

    impl Server {
        fn new() -> Arc<Self> {
            Arc::new(Self {
                sizes: Shared::default(),
                go: Notify::new(),
            })
        }

        async fn make(&self, jobs: Arc<Vec<NewJob>>) -> Result<Vec<Enqueued>> {
            self.sizes.lock().unwrap().push(jobs.len());
            self.go.notified().await;
            Ok(vec![Enqueued::New(JobState::Available); jobs.len()])
        }

        fn sizes(&self) -> Vec<usize> {
            self.sizes.lock().unwrap().clone()
        }
    }

    fn call(
        gather: &Arc<Gather>,
        server: &Arc<Server>,
        count: usize,
    ) -> tokio::task::JoinHandle<Result<Vec<Enqueued>>> {
        let (gather, server) = (Arc::clone(gather), Arc::clone(server));
        #[expect(
            clippy::disallowed_methods,
            reason = "the test waits for it, or aborts it"
        )]
        tokio::spawn(async move {
            let jobs = Arc::new((0..count).map(|_| job()).collect());
            gather.enqueue(&jobs, |jobs| server.make(jobs)).await
        })
    }

    #[tokio::test]
    async fn what_waits_goes_together_and_everybody_gets_its_own() {
        let (gather, server) = (Arc::new(Gather::default()), Server::new());
        let mut calls = Vec::new();
        for count in [1, 1, 2, 3, 4] {
            calls.push(call(&gather, &server, count));
            tokio::task::yield_now().await;
        }
        assert_eq!(server.sizes(), [1, 1]);
        server.go.notify_one();
        while server.sizes().len() < 3 {
            tokio::task::yield_now().await;
        }
        assert_eq!(server.sizes(), [1, 1, 9]);
        server.go.notify_waiters();
        for (call, count) in calls.into_iter().zip([1, 1, 2, 3, 4]) {
            assert_eq!(call.await.unwrap().unwrap().len(), count);
        }
        assert_eq!(gather.state().under_way, 0);
    }

    #[tokio::test]
    async fn when_the_leader_is_dropped_the_others_go_on_alone() {
        let (gather, server) = (Arc::new(Gather::default()), Server::new());
        let mut calls = Vec::new();
        for count in [1, 1, 2, 3] {
            calls.push(call(&gather, &server, count));
            tokio::task::yield_now().await;
        }
        server.go.notify_one();
        while server.sizes().len() < 3 {
            tokio::task::yield_now().await;
        }
        calls[2].abort();
        while server.sizes().len() < 4 {
            tokio::task::yield_now().await;
        }
        assert_eq!(server.sizes(), [1, 1, 5, 3]);
        server.go.notify_waiters();
        assert_eq!(calls.remove(3).await.unwrap().unwrap().len(), 3);
        assert_eq!(calls.remove(1).await.unwrap().unwrap().len(), 1);
        assert_eq!(gather.state().under_way, 0);
    }
}
