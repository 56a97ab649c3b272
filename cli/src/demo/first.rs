//! What the demo does first: one run of its pipeline, and one job that fails on purpose; and
//! waiting for both.

use anyhow::Context as _;
use serde_json::json;
use shared::{
    job::{Args, JobDetail, JobId, Kind, NewJob, Tag},
    schedule::definition::PIPELINE_KIND,
    shutdown::Shutdown,
    store::Store,
};
use std::{net::SocketAddr, time::Duration};
use tokio::time::{Instant, timeout_at};

/// The pipeline of the demo, as its configuration names it.
pub(super) const PIPELINE: &str = "economy";

/// How often the failing job may fail.
const ATTEMPTS: u32 = 3;

/// How long to wait when no hint comes: hints are only hints.
const LOOK: Duration = Duration::from_millis(200);

/// The first two jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct First {
    /// The run of the pipeline.
    pub(super) run: JobId,
    /// The job that fails on purpose.
    pub(super) failing: JobId,
}

/// How far the first two jobs are.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    pub(super) run: JobDetail,
    pub(super) failing: JobDetail,
}

impl First {
    /// Enqueues both.
    ///
    /// # Errors
    /// When the store does not accept them.
    pub(super) async fn enqueue(store: &dyn Store, receiver: SocketAddr) -> anyhow::Result<Self> {
        let args = Args::json(&json!({ "pipeline": PIPELINE }))?;
        let tag = Tag::new(format!("pipeline:{PIPELINE}"))?;
        let mut run = NewJob::with(Kind::new(PIPELINE_KIND)?, args);
        run.tags = vec![tag];
        let mut failing = NewJob::new(
            "http",
            &json!({
                "url": format!("http://{receiver}/fragile"),
                "body": { "say": "hello" },
            }),
        )?;
        failing.max_attempts = ATTEMPTS;
        failing.tags = vec![Tag::new("demo:fails-on-purpose")?];
        let first = Self {
            run: run.id,
            failing: failing.id,
        };
        store.enqueue(vec![run, failing]).await?;
        Ok(first)
    }

    /// Waits until both have ended, or until the deadline, or until draining begins.
    ///
    /// # Errors
    /// When the store does not answer.
    ///
    /// # Cancel safety
    /// Safe.
    pub(super) async fn wait(
        self,
        store: &dyn Store,
        deadline: Instant,
        shutdown: &Shutdown,
    ) -> anyhow::Result<Seen> {
        let mut wakeups = store.wakeups();
        loop {
            let seen = self.look(store).await?;
            let over = Instant::now() >= deadline || shutdown.is_draining();
            if over || seen.is_over() {
                return Ok(seen);
            }
            let look = deadline.min(Instant::now() + LOOK);
            tokio::select! {
                () = shutdown.draining() => {}
                // It is looked at again whether a hint came or not.
                hint = timeout_at(look, wakeups.next()) => drop(hint),
            }
        }
    }

    async fn look(self, store: &dyn Store) -> anyhow::Result<Seen> {
        let mut jobs = store.get(vec![self.run, self.failing]).await?.into_iter();
        let mut next = || jobs.next().flatten().context("a job of the demo is gone");
        Ok(Seen {
            run: next()?,
            failing: next()?,
        })
    }
}

impl Seen {
    fn is_over(&self) -> bool {
        self.run.summary.state.is_terminal() && self.failing.summary.state.is_terminal()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::{
        clock::Clock,
        job::State,
        store::{self, CancelParams},
    };

    #[tokio::test(start_paused = true)]
    async fn what_has_not_ended_by_the_deadline_is_told_as_it_stands() {
        let store = store::open("memory:", Clock::system()).await.unwrap();
        let first = First::enqueue(&*store, ([127, 0, 0, 1], 1).into())
            .await
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(4);
        let seen = first
            .wait(&*store, deadline, &Shutdown::new())
            .await
            .unwrap();
        assert_eq!(Instant::now(), deadline);
        assert_eq!(seen.run.summary.state, State::Available);
        assert_eq!(seen.failing.summary.max_attempts, ATTEMPTS);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_waited_for_once_both_have_ended_or_draining_begins() {
        let store = store::open("memory:", Clock::system()).await.unwrap();
        let first = First::enqueue(&*store, ([127, 0, 0, 1], 1).into())
            .await
            .unwrap();
        let begun = Instant::now();
        let deadline = begun + Duration::from_secs(4);
        let draining = Shutdown::new();
        draining.drain();
        first.wait(&*store, deadline, &draining).await.unwrap();
        let cancel = async {
            let ids = vec![first.run, first.failing];
            let reason = "enough".to_owned();
            store.cancel(CancelParams { ids, reason }).await.unwrap();
        };
        let shutdown = Shutdown::new();
        let (seen, ()) = tokio::join!(first.wait(&*store, deadline, &shutdown), cancel);
        assert!(seen.unwrap().is_over());
        assert!(
            begun.elapsed() <= LOOK,
            "a hint or one look, not the deadline"
        );
    }
}
